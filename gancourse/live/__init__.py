"""What runs in the book's pages: networks as scripts for a browser, and the figures around them.

program   a network as a list of operations that the engine in book/assets/live knows
script    such a program and its weights, rounded to eight bits, as one file of JavaScript
figures   each live figure's networks, data and still picture
light     a Sphinx extension: what a page's reader need not fetch
bench     the engine beside onnxruntime-web
pages     the Sphinx directive that puts a figure into a page, and makes what it needs
"""
