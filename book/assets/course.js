// A film can be stopped. It starts stopped, on its last frame, for a reader who asked the system for less motion.
for (const film of document.querySelectorAll(".film[data-still]")) {
  const picture = film.querySelector("img");
  const moving = picture.getAttribute("src");
  const button = document.createElement("button");
  button.type = "button";
  const show = (running) => {
    picture.src = running ? moving : film.dataset.still;
    button.textContent = running ? "Stop the film" : "Play the film";
  };
  button.addEventListener("click", () => show(picture.getAttribute("src") !== moving));
  show(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  film.append(button);
}

// A formula wider than a phone scrolls in a box of its own, and a keyboard must be able to reach that box.
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  for (const formula of document.querySelectorAll("mjx-container[display=true]")) {
    if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
  }
});

// The bibliography's markup carries a role that was withdrawn from the standard (doc-biblioentry).
for (const entry of document.querySelectorAll(".citation[role]")) entry.setAttribute("role", "listitem");
