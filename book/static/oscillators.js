/* The figures of the page "From oscillators to binding". Phases follow the equations of gasp.nn.kuramoto, pair by pair. */
window.gaspOscillators = (() => {
  const { cells, circle, colour, css, drawing, element, paint, player, wheel } = window.gaspPhases;
  const TURN = 2 * Math.PI;
  const GREY = "#808080";
  const LINES = ["#0a7ea4", "#d55e00"]; // seen on white and on black
  const STEPS = 220; // of the curves over time
  const AT_REST = 1e-3; // radians per unit of time: below, nothing is seen to move
  const range = (count) => [...Array(count).keys()];
  const dot = (first, second) => first.reduce((sum, value, index) => sum + value * second[index], 0);

  /** g_j r_ij of every pair, the pulled first: how strongly j pulls i. */
  const strengths = ({ queries, keys, gates, neighbourhood, desynchronization, normalization }) =>
    queries.map((query, i) =>
      keys.map((key, j) => (gates[j] * (dot(query, key) * neighbourhood[i][j] - desynchronization[i])) / normalization[i])
    );

  /** dφ_i/dt = Σ_j g_j r_ij sin(φ_j − φ_i), the sine split so that each is computed once. */
  const rates = (phases, strength) => {
    const [cos, sin] = [phases.map(Math.cos), phases.map(Math.sin)];
    return strength.map((row, i) => cos[i] * dot(row, sin) - sin[i] * dot(row, cos));
  };

  /** Euler steps, as gasp.nn.kuramoto.align. */
  const align = (phases, coupling, iterations, stepSize) => {
    const strength = strengths(coupling);
    for (let iteration = 0; iteration < iterations; iteration++) {
      const moved = rates(phases, strength);
      phases = phases.map((phase, i) => phase + stepSize * moved[i]);
    }
    return phases;
  };

  /** The mean phasor of some phases: its length is the order parameter R, its angle their mean phase. */
  const mean = (phases) => {
    const [real, imaginary] = [Math.cos, Math.sin].map((part) => phases.reduce((sum, phase) => sum + part(phase), 0));
    return { order: Math.hypot(real, imaginary) / phases.length, phase: Math.atan2(imaginary, real) };
  };
  const gap = (first, second) => Math.acos(Math.min(Math.max(Math.cos(first - second), -1), 1)); // 0 to π
  const anywhere = (count) => range(count).map(() => TURN * Math.random());
  const degrees = (angle) => `${Math.round((180 * angle) / Math.PI)}°`;
  const same = (count, value) => Array(count).fill(value);

  const disc = (context, x, y, radius, phase, square = false) => {
    context.beginPath();
    if (square) context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    else context.arc(x, y, radius, 0, TURN);
    context.fillStyle = css(phase);
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = GREY;
    context.stroke();
  };

  /** Phases on their circle; the arrow is their mean phasor. */
  const onCircle = (canvas, phases, square = () => false, groups = [phases]) => {
    const context = drawing(canvas, 180, 180);
    circle(context, 90, 90, 84, 6);
    const at = (phase, radius) => [90 + radius * Math.cos(phase), 90 - radius * Math.sin(phase)];
    groups.forEach((group) => {
      const { order, phase } = mean(group);
      context.beginPath();
      context.moveTo(90, 90);
      context.lineTo(...at(phase, 66 * order));
      context.lineWidth = 4;
      context.strokeStyle = css(phase);
      context.stroke();
    });
    phases.forEach((phase, i) => disc(context, ...at(phase, 66), 7, phase, square(i)));
  };

  /** Oscillators on a ring, each in the colour of its phase, with a hand that shows it. */
  const onRing = (canvas, phases, square = () => false) => {
    const context = drawing(canvas, 180, 180);
    phases.forEach((phase, i) => {
      const place = (TURN * i) / phases.length - Math.PI / 2;
      const [x, y] = [90 + 76 * Math.cos(place), 90 + 76 * Math.sin(place)];
      disc(context, x, y, 10, phase, square(i));
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x + 9 * Math.cos(phase), y - 9 * Math.sin(phase));
      context.lineWidth = 2;
      context.strokeStyle = "#000";
      context.stroke();
    });
  };

  const PICTURES = {
    bars: (row, column) => row > 1 && row < 14 && [3, 4, 11, 12].includes(column),
    cross: (...place) => [place, [...place].reverse()].some(([on, along]) => [7, 8].includes(on) && along > 1 && along < 14),
  };
  const SIDE = 16;

  /** The key of a pixel: how long the strokes through it are, across and down, both squared; of length 1. */
  const strokeKey = (lit, index) => {
    if (!lit[index]) return [0, 0];
    const length = (rows, columns) => {
      let count = 1;
      for (const sign of [1, -1])
        for (let step = sign; ; step += sign) {
          const [row, column] = [Math.floor(index / SIDE) + rows * step, (index % SIDE) + columns * step];
          if (row < 0 || column < 0 || row >= SIDE || column >= SIDE || !lit[row * SIDE + column]) break;
          count++;
        }
      return count ** 2;
    };
    const [across, down] = [length(0, 1), length(1, 0)];
    return [across, down].map((part) => part / Math.hypot(across, down));
  };

  /**
   * The figures. Of each: `sliders`, name, text, least, most, step and value each; `starts`, by the text on their buttons,
   * which give the first phases; `coupling`, as that of gasp.nn.kuramoto, and `stepSize`; `panels` with their captions, and
   * `draw`, which fills them; `lines`, the text and the value in [0, 1] of each curve over time; `report`.
   */
  const FIGURES = {
    pair: {
      label: "Two coupled oscillators",
      sliders: [
        ["coupling", "coupling", -1, 1, 0.05, 0.5],
        ["first", "start of A, degrees", 0, 360, 5, 30],
        ["second", "start of B, degrees", 0, 360, 5, 170],
      ],
      starts: { "start again": ({ first, second }) => [first, second].map((angle) => (angle / 360) * TURN) },
      restart: ["first", "second"],
      stepSize: 0.1,
      coupling: ({ coupling }) => ({
        queries: [[1], [1]],
        keys: [[1], [1]],
        gates: [1, 1],
        neighbourhood: [
          [0, coupling],
          [coupling, 0],
        ],
        desynchronization: [0, 0],
        normalization: [1, 1],
      }),
      panels: ["A is round, B is square"],
      draw: ([canvas], phases) => onCircle(canvas, phases, (i) => i === 1, []),
      lines: [["phase difference", (phases) => gap(...phases) / Math.PI]],
      top: "180°",
      bottom: "0°",
      report: (phases) => `Phase difference: ${degrees(gap(...phases))}.`,
    },
    ring: {
      label: "A ring of twenty oscillators",
      sliders: [["reach", "neighbours heard on each side", 1, 10, 1, 10]],
      starts: { "random phases": () => anywhere(20), "a twist": () => range(20).map((i) => (TURN * i) / 20) },
      stepSize: 0.3,
      coupling: ({ reach }) => {
        const apart = (i, j) => Math.min(Math.abs(i - j), 20 - Math.abs(i - j));
        const neighbourhood = range(20).map((i) => range(20).map((j) => Number(apart(i, j) > 0 && apart(i, j) <= reach)));
        const heard = neighbourhood[0].reduce((sum, one) => sum + one);
        const ones = same(20, [1]);
        return {
          queries: ones,
          keys: ones,
          gates: same(20, 1),
          neighbourhood,
          desynchronization: same(20, 0),
          normalization: same(20, heard),
        };
      },
      panels: ["the ring", "the circle of phases"],
      draw: ([ring, disc], phases) => (onRing(ring, phases), onCircle(disc, phases)),
      lines: [["order parameter R", (phases) => mean(phases).order]],
      report: (phases) => `R = ${mean(phases).order.toFixed(2)}.`,
    },
    groups: {
      label: "Two groups of ten oscillators",
      sliders: [
        ["agreement", "agreement between the groups", -1, 1, 0.1, 0],
        ["repulsion", "repulsion ε", 0, 1.2, 0.1, 0],
      ],
      starts: { "random phases": () => anywhere(20) },
      stepSize: 0.3,
      coupling: ({ agreement, repulsion }) => {
        const key = (i) => (i < 10 ? [1, 0] : [agreement, Math.sqrt(1 - agreement ** 2)]);
        const vectors = range(20).map(key);
        return {
          queries: vectors,
          keys: vectors,
          gates: same(20, 1),
          neighbourhood: same(20, same(20, 1)),
          desynchronization: same(20, repulsion),
          normalization: same(20, 10),
        };
      },
      panels: ["round: group A, square: group B", "the circle of phases"],
      draw: ([ring, disc], phases) => {
        const square = (i) => i >= 10;
        onRing(ring, phases, square);
        onCircle(disc, phases, square, [phases.slice(0, 10), phases.slice(10)]);
      },
      lines: [
        ["order within the groups", (phases) => (mean(phases.slice(0, 10)).order + mean(phases.slice(10)).order) / 2],
        [
          "separation of the groups",
          (phases) => (1 - Math.cos(mean(phases.slice(0, 10)).phase - mean(phases.slice(10)).phase)) / 2,
        ],
      ],
      report: (phases) => {
        const groups = [phases.slice(0, 10), phases.slice(10)].map(mean);
        const orders = groups.map(({ order }) => order.toFixed(2)).join(" and ");
        return `R within the groups: ${orders}; their mean phases are ${degrees(gap(groups[0].phase, groups[1].phase))} apart.`;
      },
    },
    picture: {
      label: "A picture whose pixels bind",
      choices: [
        ["picture", "picture", { bars: "two bars", cross: "a cross" }],
        ["keys", "keys", { alike: "all alike", stroke: "direction of the stroke" }],
      ],
      sliders: [
        ["width", "neighbourhood σ", 0.06, 0.5, 0.02, 0.2],
        ["repulsion", "repulsion ε", 0, 1, 0.1, 0.5],
      ],
      starts: { "random phases": () => anywhere(SIDE ** 2) },
      restart: ["picture"],
      stepSize: 1,
      lit: ({ picture }) => range(SIDE ** 2).map((index) => Number(PICTURES[picture](Math.floor(index / SIDE), index % SIDE))),
      coupling: ({ keys, width, repulsion }, lit) => {
        const vectors = range(SIDE ** 2).map((index) => (keys === "stroke" ? strokeKey(lit, index) : [lit[index], 0]));
        const squares = (i, j) => (Math.floor(i / SIDE) - Math.floor(j / SIDE)) ** 2 + ((i % SIDE) - (j % SIDE)) ** 2;
        const nearness = (i, j) => Math.exp(-squares(i, j) / SIDE ** 2 / (2 * width ** 2));
        const neighbourhood = range(SIDE ** 2).map((i) => range(SIDE ** 2).map((j) => nearness(i, j)));
        const nearby = neighbourhood.map((row) => dot(row, lit) + 1e-6);
        const total = lit.reduce((sum, gate) => sum + gate, 1e-6);
        return {
          queries: vectors,
          keys: vectors,
          gates: lit,
          neighbourhood,
          desynchronization: nearby.map((sum) => (repulsion * sum) / total),
          normalization: nearby,
        };
      },
      panels: ["the picture: click to draw", "the circle of phases"],
      draw: ([picture, disc], phases, lit) => {
        [picture.width, picture.height] = [SIDE, SIDE];
        paint(picture, (index) => (lit[index] ? colour(phases[index]) : [0, 0, 0]));
        onCircle(disc, phases.filter((_, index) => lit[index]), undefined, []);
      },
      report: (phases, lit) => {
        const shown = phases.filter((_, index) => lit[index]);
        return shown.length ? `R of all lit pixels: ${mean(shown).order.toFixed(2)}.` : "No pixel is lit.";
      },
    },
  };

  const labelled = (text, ...parts) => element("label", {}, `${text} `, ...parts);

  /** The curves over the last steps, between their least value and their largest. */
  const trace = (figure) => {
    const canvas = element("canvas", { ariaHidden: "true" });
    const ends = [figure.top ?? "1", figure.bottom ?? "0"].map((textContent) => element("span", { textContent }));
    const names = figure.lines.flatMap(([text], index) => {
      const line = element("i", { style: `background: ${LINES[index]}` });
      return [line, ` ${text} `];
    });
    const caption = element("figcaption", {}, ...names, "over time");
    const draw = (history) => {
      const context = drawing(canvas, STEPS, 100);
      context.strokeStyle = GREY;
      context.strokeRect(0.5, 0.5, STEPS - 1, 99);
      figure.lines.forEach((_, index) => {
        context.beginPath();
        history.forEach((values, step) => context.lineTo(step, 97 - 94 * values[index]));
        context.strokeStyle = LINES[index];
        context.lineWidth = 2.5;
        context.stroke();
      });
    };
    const box = element("div", { className: "trace" }, element("div", { className: "ends" }, ...ends), canvas);
    return [element("figure", {}, box, caption), draw];
  };

  /** Build a figure where the page has a place for it; `state` of the place says what it computes, and with what. */
  const build = (host) => {
    const figure = FIGURES[host.dataset.oscillators];
    const controls = {};
    const chosen = ({ type, value }) => (type === "range" ? Number(value) : value);
    const values = () => Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, chosen(control)]));
    let [phases, lit, history, coupling, strength] = [[], [], [], null, []];
    let start = Object.values(figure.starts)[0];
    const couple = () => {
      coupling = figure.coupling(values(), lit);
      strength = strengths(coupling);
    };
    const begin = () => {
      phases = start(values());
      history = [];
    };
    const panels = figure.panels.map((caption) => element("canvas", { ariaLabel: caption, role: "img" }));
    const boxes = [...panels];
    const [curves, drawCurves] = figure.lines ? trace(figure) : [wheel(), () => {}];
    const report = element("p");
    let mark = () => {};
    const show = () => {
      figure.draw(panels, phases, lit);
      drawCurves(history);
      report.textContent = figure.report(phases, lit);
    };
    const advance = () => {
      const moved = rates(phases, strength);
      phases = phases.map((phase, i) => phase + figure.stepSize * moved[i]);
      if (figure.lines) history = [...history, figure.lines.map(([, value]) => value(phases))].slice(-STEPS);
      show();
      return moved.some((rate, i) => coupling.gates[i] && Math.abs(rate) > AT_REST);
    };
    const button = element("button", { type: "button" });
    const time = player(button, advance, 40);
    const changed = (name) => {
      if (figure.restart?.includes(name)) {
        if (figure.lit) lit = figure.lit(values());
        begin();
      }
      couple();
      show();
      time.play();
    };
    const rows = [
      ...(figure.choices ?? []).map(([name, text, options]) => {
        const listed = Object.entries(options).map(([value, shown]) => new Option(shown, value));
        controls[name] = element("select", { name }, ...listed);
        return labelled(text, controls[name]);
      }),
      ...figure.sliders.map(([name, text, min, max, step, value]) => {
        const slider = element("input", { type: "range", name, min, max, step, value });
        const shown = element("output", { value });
        slider.addEventListener("input", () => (shown.value = slider.value));
        controls[name] = slider;
        return labelled(text, slider, shown);
      }),
    ];
    for (const [name, control] of Object.entries(controls)) control.addEventListener("input", () => changed(name));
    const starts = Object.entries(figure.starts).map(([textContent, phasesAt]) => {
      const again = element("button", { type: "button", textContent });
      again.addEventListener("click", () => ((start = phasesAt), begin(), show(), time.play()));
      return again;
    });
    if (figure.lit) {
      lit = figure.lit(values());
      const toggle = ([row, column]) => {
        lit[row * SIDE + column] = 1 - lit[row * SIDE + column];
        changed("lit");
      };
      const label = "the picture: arrow keys move, the space bar switches a pixel on or off";
      panels[0].className = "picture";
      [boxes[0], mark] = cells(panels[0], label, [SIDE, SIDE], (to) => mark(to), toggle);
    }
    const captions = figure.panels.map((textContent) => element("figcaption", { textContent }));
    const figures = boxes.map((box, index) => element("figure", {}, box, captions[index]));
    host.setAttribute("role", "group");
    host.setAttribute("aria-label", figure.label);
    host.replaceChildren(
      element("div", { className: "panels" }, ...figures, curves),
      element("div", { className: "controls" }, button, ...starts, ...rows),
      report
    );
    host.state = () => ({ phases, coupling, stepSize: figure.stepSize });
    begin();
    couple();
    show();
  };
  document.querySelectorAll("[data-oscillators]").forEach(build);

  return { align };
})();
