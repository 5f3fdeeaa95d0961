/* What both pages remember: language, light or dark, width. Runs before anything is painted. */
"use strict";

window.warpdeckChoices = (() => {
  // A page opened from a disk, or in private, may have no storage: then nothing is remembered.
  const get = (name) => {
    try { return localStorage.getItem(`warpdeck-${name}`); } catch { return null; }
  };
  const set = (name, value) => {
    try { localStorage.setItem(`warpdeck-${name}`, value); } catch { /* see above */ }
  };
  const root = document.documentElement;
  const theme = () => root.dataset.theme;
  const setTheme = (value) => {
    root.dataset.theme = value;
    document.dispatchEvent(new Event("themechange"));
  };
  setTheme(get("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  const toggleTheme = () => {
    setTheme(theme() === "dark" ? "light" : "dark");
    set("theme", theme());
  };
  return { get, set, theme, toggleTheme };
})();
