"""Metrics: one module per family, tensors in, plain numbers out, and no chapter known.

digits           `digit_scores`: FID, KID, recall, density and coverage of digits, in one call
digit_cnn        `judge`: the digit classifier that computes the features; `fit` makes a new one
digit_hog        `second_judge`: another kind of digit classifier, for a second opinion
digit_reader     what the two have in common: labels, probabilities, files
readable         `readable`: how many pictures both judges read as the same digit, and are sure of
frechet          `frechet` (FID) and `kernel` (KID): distances between two sets of features
coverage         `manifold`: precision, recall, density and coverage of two sets of features
modes            `toy_modes` and `stacked_modes`: how many modes are covered, and how evenly
conditional      do samples match their labels: `label_accuracy`, `class_coverage`, ...
attribute_cnn    a network that reads what a scene or a portrait shows
sentences        do pictures show what their sentences say: `whole`, `binding`, `spread`, ...
chequers         `chequers`: do single rows or columns stand out, as they do after bad upsampling
colour           `colour_scores`: does coloured line art match the true picture
outlines         `spill` and `unevenness`: does colour stay inside the lines, and is it flat
restoration      how close an enlarged photo is: `psnr`, `ssim`, `consistency`, `distance`, ...
shift_tolerant   the network of ST-LPIPS, whose weights are an optional package
codes            what a code has learned: `matched`, `mutual_information`, `spearman`, `auc`, ...
handwriting      `slant`, `breadth` and `stroke_width` of a digit, measured without a network
disentanglement  `factor_vae_score` and `mutual_information_gap`, where true factors are known
parzen           `parzen`: the log-likelihood estimate of 2014, kept for comparison
floors           what a trivial answer scores: degraded pictures, line art filled with one colour
cheats           pictures that beat the Parzen estimate without a generator
"""
