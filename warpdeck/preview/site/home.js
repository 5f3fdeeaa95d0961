/* The learner's page: light or dark, also inside the parts of cards that it shows. */
"use strict";

(() => {
  const choices = window.warpdeckChoices;
  const button = document.getElementById("theme");

  function paint() {
    const dark = choices.theme() === "dark";
    button.textContent = dark ? button.dataset.light : button.dataset.dark;
    for (const part of document.querySelectorAll(".part")) {
      const card = part.shadowRoot && part.shadowRoot.querySelector(".card");
      if (card) card.className = dark ? "card nightMode night_mode" : "card";
    }
  }

  button.addEventListener("click", choices.toggleTheme);
  document.addEventListener("themechange", paint);
  for (const link of document.querySelectorAll("a[data-language]"))
    link.addEventListener("click", () => choices.set("language", link.dataset.language));
  // The live preview wants to know which build the page is of.
  window.warpdeckData = (name, value) => { window.warpdeckVersion = () => value.version; };
  paint();
})();
