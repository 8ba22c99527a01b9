/* What the interactive figures share: the colours of phases, canvases, and time that a reader starts and stops. */
window.gaspPhases ??= (() => {
  // PHASE_COLOURS of gasp.analysis.figures.style at 32 phases, evenly spread from 0 on; between two of them, their mixture
  const COLOURS =
    "ef55f2f86be2fb84cefc9bb8fcb0a2fcc38afcd471fae455f1ee35deed1fc7e516afdd1397d4107dcb0e62c20c44b812" +
    "32ad28399f464390644581803e729b3161b3294ec82438db2e22ea491bf26424f67b30f99139fbab40fbc544fbdd48f9";
  const parts = COLOURS.match(/../g).map((pair) => parseInt(pair, 16));

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  /** The colour of a phase in radians: red, green and blue, 0 to 255. */
  const colour = (phase) => {
    const place = ((((phase / (2 * Math.PI)) % 1) + 1) % 1) * 32;
    const [first, share] = [Math.floor(place) % 32, place % 1];
    const mixed = (part) => (1 - share) * parts[3 * first + part] + share * parts[(3 * first + 3 + part) % 96];
    return [0, 1, 2].map(mixed);
  };
  const css = (phase) => `rgb(${colour(phase).map(Math.round).join()})`;

  /** Fill a canvas pixel by pixel; `shade` gives the colour of each. */
  const paint = (canvas, shade) => {
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(canvas.width, canvas.height);
    for (let index = 0; index < canvas.width * canvas.height; index++) pixels.data.set([...shade(index), 255], 4 * index);
    context.putImageData(pixels, 0, 0);
  };

  /** Make a canvas of this size, in CSS pixels, that is sharp on every screen; its empty context. */
  const drawing = (canvas, width, height) => {
    const scale = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [width * scale, height * scale];
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    return context;
  };

  /** The circle of phases, in their colours: phase 0 to the right, growing against the clock. */
  const circle = (context, x, y, radius, width) => {
    for (let part = 0; part < 128; part++) {
      context.beginPath();
      context.arc(x, y, radius, (-2 * Math.PI * (part + 1.2)) / 128, (-2 * Math.PI * part) / 128);
      context.lineWidth = width;
      context.strokeStyle = css((2 * Math.PI * (part + 0.5)) / 128);
      context.stroke();
    }
  };

  /** The legend of the colours. */
  const wheel = () => {
    const canvas = element("canvas", { ariaHidden: "true" });
    circle(drawing(canvas, 80, 80), 40, 40, 31, 16);
    const labels = ["0", "π/2", "π", "3π/2"].map((text) => element("span", { textContent: text }));
    const box = element("div", { className: "wheel" }, canvas, ...labels);
    return element("figure", {}, box, element("figcaption", { textContent: "colour: phase" }));
  };

  const still = window.matchMedia("(prefers-reduced-motion: reduce)");

  /**
   * Let a button start and stop time: `advance` is called at this interval until it returns false. For a reader who prefers
   * reduced motion each press is one step, and nothing moves by itself.
   */
  const player = (button, advance, milliseconds) => {
    let timer = 0;
    const name = () => (button.textContent = still.matches ? "step" : timer ? "pause" : "play");
    const pause = () => {
      clearInterval(timer);
      timer = 0;
      name();
    };
    const play = () => {
      if (timer || still.matches) return;
      timer = setInterval(() => advance() || pause(), milliseconds);
      name();
    };
    button.addEventListener("click", () => (still.matches ? advance() : timer ? pause() : play()));
    still.addEventListener("change", pause);
    name();
    return { play, pause };
  };

  /**
   * Let a reader choose a cell of a canvas by pointer or by arrow keys.
   *
   * `move` gets the row and column of the cell, or null after Escape; `press`, if any, those of a cell that is clicked, or
   * chosen by Enter or the space bar. Returns the canvas in its box, and a function that marks a cell.
   */
  const cells = (canvas, label, [height, width], move, press = () => {}) => {
    const mark = element("div", { className: "mark", hidden: true });
    const box = element("div", { className: "cells" }, canvas, mark);
    const last = [height - 1, width - 1];
    let place = null;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", label);
    canvas.addEventListener("click", ({ offsetX, offsetY }) => {
      const at = [(offsetY / canvas.offsetHeight) * height, (offsetX / canvas.offsetWidth) * width];
      place = at.map((side, axis) => Math.min(Math.max(Math.floor(side), 0), last[axis]));
      move(place);
      press(place);
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      const middle = last.map((side) => Math.floor(side / 2));
      if (step) move((place ?? middle).map((side, axis) => Math.min(Math.max(side + step[axis], 0), last[axis])));
      else if (event.key === "Escape") move(null);
      else if (["Enter", " "].includes(event.key)) press(place ?? middle);
      else return;
      event.preventDefault();
    });
    const show = (to) => {
      place = to;
      mark.hidden = !place;
      const [row, column] = place ?? [0, 0];
      const sides = { left: column / width, top: row / height, width: 1 / width, height: 1 / height };
      for (const [side, share] of Object.entries(sides)) mark.style[side] = `${100 * share}%`;
    };
    return [box, show];
  };

  return { cells, circle, colour, css, drawing, element, paint, player, wheel };
})();
