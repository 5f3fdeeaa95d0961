/* The live preview: hears of new builds, shows what is wrong with the source. */
"use strict";

(() => {
  let version = null;

  function tell(problems) {
    let box = document.getElementById("problems");
    if (!problems.length) return box && box.remove();
    if (!box) {
      box = document.createElement("section");
      box.id = "problems";
      box.setAttribute("role", "alert");
      document.body.append(box);
    }
    const lines = problems.map((problem) => {
      const line = document.createElement("li");
      const place = document.createElement("code");
      place.textContent = problem.at;
      line.append(place, ` ${problem.message}. `, problem.hint);
      return line;
    });
    const list = document.createElement("ul");
    list.append(...lines);
    box.replaceChildren(list);
  }

  /* What a page can take over without being loaded again; null is "this page does not use it". */
  function takesOver(path) {
    if (!window.warpdeckLive) return /^index.*\.html$|\.css$|^(home|theme)\.js$/.test(path) ? false : null;
    if (/^index.*\.html$|^home\.js$/.test(path)) return null;
    return /\.css$|^data\/(?!site\.js)/.test(path);
  }

  const events = new EventSource("live");
  events.addEventListener("state", (event) => {
    const state = JSON.parse(event.data);
    const ours = version || (window.warpdeckVersion && window.warpdeckVersion());
    // The server was away, or a build came between this page and its first event.
    if (ours && ours !== state.version) return location.reload();
    version = state.version;
    tell(state.problems);
  });
  events.addEventListener("changed", (event) => {
    const change = JSON.parse(event.data);
    version = change.version;
    tell([]);
    const uses = change.paths.filter((path) => takesOver(path) !== null);
    if (!uses.every(takesOver)) location.reload();
    else if (uses.length) window.warpdeckLive.changed(uses, change.version);
  });
  events.addEventListener("problems", (event) => tell(JSON.parse(event.data)));
})();
