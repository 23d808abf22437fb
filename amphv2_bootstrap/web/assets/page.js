// SPDX-License-Identifier: Apache-2.0
// Keeps the page up to date: asks for it again, and puts the parts that have changed in
// the place of the old ones. What is folded, focused and scrolled stays as it is.
"use strict";

(() => {
  const EVERY = 2000;
  const LONGEST = 15000;
  let pause = EVERY;
  let timer = 0;
  const seen = new Map();

  const folded = (part) =>
    new Map([...part.querySelectorAll("details")].map((d) => [d.dataset.flow, d.open]));

  const replace = (old, fresh) => {
    const kept = folded(old);
    const state = (d) => d.querySelector(".chip")?.textContent;
    const states = new Map(
      [...old.querySelectorAll("details")].map((d) => [d.dataset.flow, state(d)]),
    );
    const focused = old.contains(document.activeElement)
      ? document.activeElement.getAttribute("href")
      : null;
    const part = document.adoptNode(fresh);
    for (const details of part.querySelectorAll("details")) {
      const flow = details.dataset.flow;
      if (kept.has(flow) && states.get(flow) === state(details)) {
        details.open = kept.get(flow);
      }
    }
    old.replaceWith(part);
    if (focused) {
      part.querySelector(`[href=${JSON.stringify(focused)}]`)?.focus({ preventScroll: true });
    }
  };

  const show = (fresh) => {
    const parts = [...fresh.querySelectorAll("[data-live]")];
    const here = [...document.querySelectorAll("[data-live]")];
    if (parts.map((p) => p.id).join() !== here.map((p) => p.id).join()) {
      location.reload();
      return;
    }
    document.title = fresh.title;
    parts.forEach((part, number) => {
      const text = part.outerHTML;
      if (text !== seen.get(part.id)) {
        seen.set(part.id, text);
        replace(here[number], part);
      }
    });
  };

  const lost = (is) => {
    document.getElementById("lost").hidden = !is;
    pause = is ? Math.min(pause * 2, LONGEST) : EVERY;
  };

  const ask = () => {
    clearTimeout(timer);
    if (document.hidden) {
      return;
    }
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname + location.search);
    request.responseType = "document";
    request.timeout = 10000;
    request.onloadend = () => {
      const fresh = request.response;
      const good = fresh !== null && fresh.getElementById("main") !== null;
      lost(!good);
      if (good) {
        show(fresh);
      }
      timer = setTimeout(ask, pause);
    };
    request.send();
  };

  // A bar leads to its step, which may be folded away.
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const details = target?.closest("details");
    if (details) {
      details.open = true;
      target.scrollIntoView({ block: "center" });
    }
  };

  document.addEventListener("visibilitychange", ask);
  window.addEventListener("hashchange", unfold);
  unfold();
  timer = setTimeout(ask, EVERY);
})();
