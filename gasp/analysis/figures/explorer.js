/* The explorer: what it shows of an exhibit (gasp.analysis.exhibits) at a moment, and what is at a place. */
(() => {
  const { cells, colour, css, element, paint, player, wheel } = window.gaspPhases;
  const exhibits = /*EXHIBITS*/;
  const root = document.getElementById("/*EXPLORER*/");
  const find = (name) => root.querySelector(`[name=${name}]`);
  const [exhibit, scene, level, moment, loop] = ["exhibit", "scene", "level", "moment", "loop"].map(find);
  const KINDS = ["wrong, then right", "right, then wrong", "right throughout", "wrong throughout"];
  const AUDIBLE = 0.5; // as gasp.learning.binding: of the largest gate
  const percent = (share) => `${(100 * share).toFixed(share && share < 0.1 ? 1 : 0)} %`;
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  for (const data of exhibits)
    for (const part of ["images", "phases", "gates", "chances", "rival"]) data[part] = bytes(data[part]);
  let [data, maps, marks, heads, place] = [exhibits[0], [], [], [], null]; // what is shown; the place asked about

  /** What is shown at the moment: phases, gates and chances as bytes, of the one scene at the one level of noise. */
  const now = () => {
    const view = Number(scene.value) * data.levels.length + Number(level.value);
    const step = Math.floor(Number(moment.value) / data.iterations);
    const part = (values, count, index) => values.subarray(count * index, count * (index + 1));
    const locations = data.grids.reduce((sum, [height, width]) => sum + height * width, 0);
    const units = data.classes.length * data.classes[0].length;
    return {
      step,
      image: part(data.images, data.channels * data.size ** 2, view),
      phases: part(data.phases, locations + units, view * data.frames + Number(moment.value)),
      gates: part(data.gates, locations, view * data.steps + step),
      chances: part(data.chances, units, view * data.steps + step),
      rival: part(data.rival, units, view),
      unitPhases: (unit, phases) => phases[locations + unit],
    };
  };
  const radians = (byte) => (byte / 256) * 2 * Math.PI;

  /** What the network says is at a place: max over classes c of p_c (1 + cos(φ_c − φ)) / 2; null where all is quiet. */
  const ask = ({ phases, gates, chances, unitPhases }, [row, column]) => {
    const [height, width] = data.grids[0];
    let [cos, sin, loudest] = [0, 0, 0];
    for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, height - 1); y++)
      for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, width - 1); x++) {
        const index = y * width + x;
        cos += gates[index] * Math.cos(radians(phases[index]));
        sin += gates[index] * Math.sin(radians(phases[index]));
        loudest = Math.max(loudest, gates[index]);
      }
    if (loudest <= AUDIBLE * Math.max(...gates.subarray(0, height * width))) return null;
    const phase = Math.atan2(sin, cos);
    const answers = [...chances].map((chance, unit) => {
      const agreement = (1 + Math.cos(radians(unitPhases(unit, phases)) - phase)) / 2;
      return { unit, chance: chance / 255, agreement, score: (chance / 255) * agreement };
    });
    return answers.reduce((best, answer) => (answer.score > best.score ? answer : best));
  };

  const className = (unit) => data.classes[Math.floor(unit / data.classes[0].length)][unit % data.classes[0].length];
  /** The units reported: of each head, as many of the likeliest as it has objects. */
  const reported = (chances) => {
    const count = data.classes[0].length;
    return data.classes.flatMap((_, head) => {
      const ofHead = (unit) => Math.floor(unit / count) === head;
      const units = [...chances.keys()].filter(ofHead).sort((a, b) => chances[b] - chances[a]);
      return units.slice(0, data.units[scene.value].filter(ofHead).length).sort((a, b) => a - b);
    });
  };
  const verdict = (chances) => {
    const units = reported(chances);
    const right = units.every((unit) => data.units[scene.value].includes(unit));
    return `${units.map(className).join(" and ")} (${right ? "right" : "wrong"})`;
  };

  const show = () => {
    const seen = now();
    const area = data.size ** 2;
    paint(maps[0], (index) => [0, 1, 2].map((part) => seen.image[(data.channels === 3 ? part * area : 0) + index]));
    let offset = 0;
    maps.slice(1).forEach((map) => {
      const first = offset;
      const dim = (index) => Math.sqrt(seen.gates[first + index] / 255);
      paint(map, (index) => colour(radians(seen.phases[first + index])).map((part) => part * dim(index)));
      offset += map.width * map.height;
    });
    heads.flat().forEach(({ name, own, rival }, unit) => {
      name.className = data.units[scene.value].includes(unit) ? "present" : "";
      own.style.width = `${(100 * seen.chances[unit]) / 255}%`;
      own.style.background = css(radians(seen.unitPhases(unit, seen.phases)));
      rival.style.width = `${(100 * seen.rival[unit]) / 255}%`;
    });
    const iteration = Number(moment.value) % data.iterations;
    const start = moment.value === "0" ? ", before alignment" : "";
    const aligning = iteration ? `, aligning: iteration ${iteration} of ${data.iterations}` : start;
    find("time").value = `t = ${seen.step}${aligning}`;
    root.querySelector(".answer").textContent = `GASPnet reports ${verdict(seen.chances)}, the CNN ${verdict(seen.rival)}.`;
    marks.forEach((mark) => mark(place));
    const says = root.querySelector(".says");
    const found = place && ask(seen, place);
    if (!place) says.textContent = "Click a place in the scene, or go there by arrow keys, and see what GASPnet says is there.";
    else if (!found) says.textContent = "At this place hardly anything responds: GASPnet says nothing.";
    else
      says.textContent =
        `At this place GASPnet says ${className(found.unit)}: probability ${percent(found.chance)}, ` +
        `agreement of its unit’s phase with the place ${percent(found.agreement)}. The CNN’s answer has no place.`;
  };

  /** Make the panels, the bars and the choices of a data set. */
  const choose = () => {
    data = exhibits[exhibit.value];
    place = null;
    const titles = ["scene", ...data.grids.map((_, index) => `phases of layer ${index + 1}`)];
    maps = [[data.size, data.size], ...data.grids].map(([height, width], index) =>
      element("canvas", { width, height, className: index > 1 ? "cell deeper" : "cell" })
    );
    const move = (to) => ((place = to), show());
    const asked = maps.slice(0, 2).map((map, index) =>
      cells(map, `${titles[index]}: arrow keys choose a place, and the text below says what is there`, data.grids[0], move)
    );
    marks = asked.map(([, mark]) => mark);
    maps.slice(2).forEach((map, index) => (map.setAttribute("role", "img"), (map.ariaLabel = titles[index + 2])));
    const figures = [...asked.map(([box]) => box), ...maps.slice(2)].map((box, index) =>
      element("figure", {}, box, element("figcaption", { textContent: index > 1 ? `layer ${index}` : titles[index] }))
    );
    root.querySelector(".panels").replaceChildren(...figures, wheel());
    heads = data.classes.map((names) =>
      names.map((name) => {
        const [own, rival] = [element("i"), element("i", { className: "rival" })];
        return { name: element("span", { textContent: name }), own, rival };
      })
    );
    const ticks = () => ["0", "½", "1"].map((text) => element("span", { textContent: text }));
    const axis = () => element("div", { className: "axis" }, ...ticks());
    const track = (own, rival) => element("div", { className: "track" }, own, rival);
    const rows = (units) => units.flatMap(({ name, own, rival }) => [name, track(own, rival)]);
    root.querySelector(".chances").replaceChildren(
      ...heads.map((units) => element("div", { className: "head" }, axis(), ...rows(units)))
    );
    scene.replaceChildren();
    KINDS.forEach((kind, index) => {
      const group = element("optgroup", { label: `${kind} (${percent(data.shares[kind])} of scenes)` });
      data.kinds.forEach((one, which) => {
        if (one === index) group.append(new Option(`${data.units[which].map(className).join(" and ")}: ${kind}`, which));
      });
      if (group.children.length) scene.append(group);
    });
    level.replaceChildren(...data.levels.map((sigma, index) => new Option(sigma, index, false, index === data.chosen)));
    moment.max = data.frames - 1;
    moment.value = 0;
    about();
    show();
  };
  const about = () => {
    const [first, last, rival] = data.accuracy[level.value].map(percent);
    root.querySelector(".pool").textContent =
      `The scenes are the first of each kind among ${data.pool} validation scenes at σ = ${data.levels[data.chosen]}, ` +
      `whatever the share of the kind. At σ = ${data.levels[level.value]}, GASPnet has ${first} of all ${data.pool} right ` +
      `at t = 0 and ${last} at the last step, the CNN ${rival}.`;
  };
  const advance = () => {
    const over = moment.value === moment.max;
    moment.value = over ? 0 : Number(moment.value) + 1;
    show();
    return loop.checked || moment.value !== moment.max;
  };

  exhibits.forEach(({ title }, index) => exhibit.add(new Option(title, index)));
  const time = player(find("play"), advance, 350);
  exhibit.addEventListener("input", () => (time.pause(), choose()));
  level.addEventListener("input", () => (about(), show()));
  scene.addEventListener("input", () => ((moment.value = 0), show()));
  moment.addEventListener("input", () => (time.pause(), show()));
  choose();
})();
