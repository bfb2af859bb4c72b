"use strict";
/* The national overview's handling: one chosen KPI and one chosen branch drive map, ranking, funnel and control charts; the heat
   table is sorted, filtered and walked through. Every limit, rank and judgement comes with the data; nothing is judged here. Text is
   always set as text. */
(() => {
  const data = JSON.parse(document.getElementById("national-data").textContent);
  const byId = (id) => document.getElementById(id);
  const kpis = new Map(data.kpis.map((kpi) => [kpi.id, kpi]));
  const NATION = "00";
  const codes = Object.keys(data.branches).filter((code) => code !== NATION).sort();
  const MARKS = ["○", "×", "―"];
  const OUTCOMES = ["attained", "not_attained", "not_evaluable"];
  const OUTCOME_WORDS = ["達成", "未達成", "判定不能"];
  /* Places in a cell; national_page._cell writes them. */
  const CELL = { figure: 0, value: 1, outcome: 2, ratio: 3, rank: 4, ranked: 5, deviation: 6, target: 7, targetText: 8, remarks: 9, shade: 10, unit: 11, state: 12 };
  const state = { kpi: data.start, branch: "", mode: "figure", paint: document.querySelector("input[name=paint]:checked")?.value ?? "deviation", sort: "code", descending: false };

  /* ---- small tools ---- */
  function make(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
  }
  function draw(tag, attributes = {}, ...children) {
    return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  }
  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  }
  const name = (code) => data.branches[code][1];
  const cellOf = (kpi, code) => kpi.cells[code] ?? null;
  const number = (value, decimals) => value.toLocaleString("ja-JP", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const monthName = (month) => `${Number(month.slice(0, 4)) - 2018}年${Number(month.slice(5))}月`;
  const outcomeWords = (cell) => `${MARKS[cell[CELL.outcome]]} ${OUTCOME_WORDS[cell[CELL.outcome]]}`;

  function words(kpi, code) {
    const cell = cellOf(kpi, code);
    if (cell === null) return `${data.branches[code][0]}：この指標の対象外です`;
    const parts = [cell[CELL.figure] ? `${cell[CELL.figure]}${cell[CELL.unit]}` : "実績なし", outcomeWords(cell)];
    if (cell[CELL.targetText]) parts.push(`目標 ${cell[CELL.targetText]}`);
    if (cell[CELL.ratio] !== null) parts.push(`対計画値 ${cell[CELL.ratio]}`);
    if (cell[CELL.rank] !== null) parts.push(`順位 ${cell[CELL.rank]}／${cell[CELL.ranked]}支部`);
    if (cell[CELL.deviation] !== null) parts.push(`偏差値 ${cell[CELL.deviation]}`);
    if (cell[CELL.remarks]) parts.push(cell[CELL.remarks]);
    return `${data.branches[code][0]}：${parts.join("、")}`;
  }

  /* Round steps for an axis: 1, 2 or 5 times a power of ten. */
  function ticks(low, high, about) {
    const raw = (high - low) / about;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw);
    const found = [];
    for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) found.push(tick);
    return { at: found, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
  }
  /* An axis label: 38.2万 for large counts, never −0. */
  const axisText = (value, decimals) => Math.abs(value) >= 1e5 ? `${number(value / 1e4, value % 1e4 ? 1 : 0)}万` : number(Math.abs(value) < 1e-9 ? 0 : value, decimals);
  const textWidth = (text) => [...text].reduce((sum, one) => sum + (one > "\u2fff" ? 12 : 6.9), 0);
  const count = (value) => value >= 1e8 ? `${number(value / 1e8, 0)}億` : value >= 1e4 ? `${number(value / 1e4, value % 1e4 ? 1 : 0)}万` : number(value, 0);

  /* ---- map ---- */
  function drawMap(kpi) {
    const scored = codes.some((code) => (cellOf(kpi, code)?.[CELL.deviation] ?? null) !== null);
    const tiles = codes.filter((code) => data.branches[code][3]).map((code) => {
      const [, short, , column, row] = data.branches[code];
      const cell = cellOf(kpi, code);
      const shades = cell === null ? [] : cell[CELL.shade].split(" ");
      const shade = shades.find((one) => one.startsWith(scored ? "d" : "t")) ?? "none";
      const button = make("button", { type: "button", class: `shade ${shade}${code === state.branch ? " chosen" : ""}`, title: words(kpi, code), "aria-pressed": String(code === state.branch) },
        make("b", {}, short), cell === null ? "／" : cell[CELL.figure] ? make("span", {}, shortFigure(cell)) : null,
        cell === null ? null : make("i", {}, MARKS[cell[CELL.outcome]]));
      button.setAttribute("aria-label", words(kpi, code));
      button.addEventListener("click", () => choose({ branch: code === state.branch ? "" : code }));
      const item = make("li", {}, button);
      item.style.gridColumn = column;
      item.style.gridRow = row;
      return item;
    });
    const others = data.others.map(([short, column, row]) => {
      const item = make("li", { class: "no-rows" }, short);
      item.style.gridColumn = column;
      item.style.gridRow = row;
      return item;
    });
    byId("map").replaceChildren(...tiles, ...others);
    const keys = scored
      ? [["d5", "偏差値60以上"], ["d4", "55以上"], ["d3", "45以上"], ["d2", "45未満"], ["d1", "40未満"], ["none", "偏差値なし（実績なし・別の月・対象外）"]]
      : [["t4", "達成（5以上の余裕）"], ["t3", "達成"], ["t2", "未達成（5以内）"], ["t1", "未達成"], ["none", "判定不能・対象外"]];
    byId("map-legend").replaceChildren(...keys.map(([key, text]) => make("span", { class: `key ${key}` }, text)),
      make("span", { class: "key plain" }, `単位：${kpi.unit || "有無"}　○ 達成　× 未達成　― 判定不能`));
    const counts = [0, 1, 2].map((one) => codes.filter((code) => cellOf(kpi, code)?.[CELL.outcome] === one).length);
    const without = codes.filter((code) => !cellOf(kpi, code)?.[CELL.figure]).length;
    byId("map-words").textContent = `${codes.length}支部のうち、達成${counts[0]}、未達成${counts[1]}、判定不能${counts[2]}支部。`
      + (without ? `実績のない支部（対象外を含む）は${without}です。` : "")
      + (data.others.length ? `ほかの${data.others.length}支部は帳票にありません。` : "")
      + (scored ? "" : "実績のある支部が少ないか数値でないため、目標との差で色を分けています。") + "支部を押すと選べます。";
    const nation = cellOf(kpi, NATION);
    byId("national-line").replaceChildren(...(nation === null ? ["協会全体の実績はない指標です。"] : [
      "協会全体 ", make("b", {}, nation[CELL.figure] ? `${nation[CELL.figure]}${nation[CELL.unit]}` : "―"), " ",
      make("span", { class: `outcome ${OUTCOMES[nation[CELL.outcome]]}` }, outcomeWords(nation)),
      ` ${[nation[CELL.targetText] && `目標 ${nation[CELL.targetText]}`, nation[CELL.ratio] !== null && `対計画値 ${nation[CELL.ratio]}`, kpi.state].filter(Boolean).join("　")}`,
    ]));
  }
  function shortFigure(cell) {
    return cell[CELL.value] !== null && cell[CELL.value] >= 100000 ? count(cell[CELL.value]) : cell[CELL.figure];
  }

  /* ---- ranking ---- */
  function drawRanking(kpi) {
    const listed = codes.filter((code) => (cellOf(kpi, code)?.[CELL.value] ?? null) !== null);
    if (!listed.length) {
      byId("ranking-words").textContent = "数値の実績がないため、判定ごとに支部を示します。";
      byId("ranking").replaceChildren(make("dl", { class: "by-outcome" }, ...OUTCOMES.flatMap((outcome, index) => {
        const those = codes.filter((code) => cellOf(kpi, code)?.[CELL.outcome] === index);
        return [make("dt", {}, make("span", { class: `outcome ${outcome}` }, `${MARKS[index]} ${OUTCOME_WORDS[index]}`), ` ${those.length}支部`),
          make("dd", {}, those.map(name).join("、") || "なし")];
      })));
      return;
    }
    const order = kpi.atMost ? 1 : -1;
    /* ranks hold among figures of one month: those of the common month first, the others below */
    listed.sort((a, b) => {
      const [one, other] = [cellOf(kpi, a), cellOf(kpi, b)];
      return one[CELL.state].localeCompare(other[CELL.state]) || (one[CELL.rank] ?? 99) - (other[CELL.rank] ?? 99) || order * (one[CELL.value] - other[CELL.value]) || a.localeCompare(b);
    });
    const nation = cellOf(kpi, NATION)?.[CELL.value] ?? null;
    const values = listed.map((code) => cellOf(kpi, code)[CELL.value]);
    /* A nation's total of counts lies far beyond any branch: it is drawn only where it is among them. */
    const isNationNear = nation !== null && nation <= Math.max(...values) * 1.2 + 1e-9;
    if (isNationNear) values.push(nation);
    let [low, high] = [Math.min(...values), Math.max(...values)];
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    [low, high] = [low - room, high + room];
    const place = (value) => `${((value - low) / (high - low) * 100).toFixed(2)}%`;
    const put = (kind, value) => { const mark = make("i", { class: kind }); mark.style.left = place(value); return mark; };
    const inside = (value) => value !== null && value >= low && value <= high;
    const scale = ticks(low, high, 4);
    const scaleLine = make("span", { class: "scale" }, ...scale.at.map((tick) => {
      const label = make("span", {}, axisText(tick, scale.decimals));
      label.style.left = place(tick);
      return label;
    }));
    const body = make("tbody", {}, ...listed.flatMap((code, place) => {
      const cell = cellOf(kpi, code);
      const isFirst = cell[CELL.state] !== "" && (place === 0 || cellOf(kpi, listed[place - 1])[CELL.state] !== cell[CELL.state]);
      const heading = isFirst ? [make("tr", { class: "group" }, make("th", { colspan: 6, scope: "colgroup" }, `${cell[CELL.state]}の実績（順位はこの中で）`))] : [];
      const line = make("span", { class: "line", "aria-hidden": "true" },
        isNationNear ? put("nation-line", nation) : null,
        inside(cell[CELL.target]) ? put("tick", cell[CELL.target]) : null,
        put(`dot ${OUTCOMES[cell[CELL.outcome]]}`, cell[CELL.value]));
      return [...heading, make("tr", { class: code === state.branch ? "chosen" : null, title: words(kpi, code) },
        make("td", { class: "number" }, cell[CELL.rank] === null ? "―" : String(cell[CELL.rank])),
        make("th", { scope: "row" }, pickButton(name(code), { branch: code })),
        make("td", { class: "track" }, line),
        make("td", { class: "number" }, cell[CELL.figure]),
        make("td", {}, make("span", { "aria-label": OUTCOME_WORDS[cell[CELL.outcome]], role: "img" }, MARKS[cell[CELL.outcome]])),
        make("td", { class: "number" }, cell[CELL.deviation] ?? "―"))];
    }));
    const head = make("thead", {}, make("tr", {},
      make("th", { scope: "col", class: "number" }, "順位"), make("th", { scope: "col" }, "支部"),
      make("th", { scope: "col" }, make("span", {}, `実績（${kpi.unit}）`), scaleLine),
      make("th", { scope: "col", class: "number" }, kpi.unit), make("th", { scope: "col" }, "判定"), make("th", { scope: "col", class: "number" }, "偏差値")));
    const beyond = listed.filter((code) => cellOf(kpi, code)[CELL.target] !== null && !inside(cellOf(kpi, code)[CELL.target])).length;
    byId("ranking").replaceChildren(make("table", {}, head, body),
      make("div", { class: "legend" },
        make("span", { class: "key plain" }, make("i", { class: "dot" }), "達成"),
        make("span", { class: "key plain" }, make("i", { class: "dot not_attained" }), "未達成"),
        make("span", { class: "key plain" }, make("i", { class: "dot not_evaluable" }), "判定不能"),
        make("span", { class: "key plain" }, make("i", { class: "tick" }), "支部の目標"),
        isNationNear ? make("span", { class: "key plain" }, make("i", { class: "nation-line" }), "協会全体") : null));
    const rest = codes.filter((code) => cellOf(kpi, code) !== null && !cellOf(kpi, code)[CELL.figure]);
    byId("ranking-words").textContent = `${kpi.atMost ? "低いほど上位です。" : "高いほど上位です。"}実績のある${listed.length}支部。`
      + (rest.length ? `実績のない支部：${rest.length > 12 ? `${rest.length}支部` : rest.map(name).join("、")}。` : "")
      + (beyond ? `${beyond}支部の目標は目盛りの外にあります。` : "");
  }
  function pickButton(text, choice) {
    const button = make("button", { type: "button", class: "pick" }, text);
    button.addEventListener("click", () => choose(choice));
    return button;
  }

  /* ---- funnel plot ---- */
  function drawFunnel(kpi) {
    const host = byId("funnel");
    const funnel = kpi.funnel;
    if (funnel.why) {
      host.replaceChildren(make("p", { class: "empty" }, `この指標のファンネルプロットはありません。${funnel.why}`));
      return;
    }
    const [width, height] = [Math.max(320, host.clientWidth || 640), 400];
    const pad = { left: 52, right: 16, top: 14, bottom: 44 };
    const sizes = funnel.limits.map((limit) => limit[0]);
    const rates = funnel.points.map((point) => point[2]);
    /* The widest limits of tiny branches would flatten everything else: the axis follows the points, and a little beyond. */
    const spread = Math.max(...rates) - Math.min(...rates) || 1;
    const high = Math.min(100, Math.max(Math.max(...rates) + spread * 0.08, Math.min(Math.max(...funnel.limits.map((one) => one[4])), Math.max(...rates) + spread * 0.35)));
    const low = Math.max(0, Math.min(Math.min(...rates) - spread * 0.08, Math.max(Math.min(...funnel.limits.map((one) => one[3])), Math.min(...rates) - spread * 0.35)));
    const x = (size) => pad.left + (Math.log(size) - Math.log(sizes[0])) / (Math.log(sizes.at(-1)) - Math.log(sizes[0])) * (width - pad.left - pad.right);
    const clamp = (rate) => Math.min(high, Math.max(low, rate));
    const y = (rate) => pad.top + (high - clamp(rate)) / (high - low) * (height - pad.top - pad.bottom);
    const line = (part) => funnel.limits.map((limit) => `${x(limit[0]).toFixed(1)},${y(limit[part]).toFixed(1)}`);
    const area = (below, above) => `M${line(below).join("L")}L${line(above).reverse().join("L")}Z`;
    const parts = [];
    const scale = ticks(low, high, 6);
    parts.push(draw("path", { class: "band-wide", d: area(3, 4) }), draw("path", { class: "band", d: area(1, 2) }));
    for (const tick of scale.at) {
      parts.push(draw("line", { class: "grid", x1: pad.left, x2: width - pad.right, y1: y(tick), y2: y(tick) }),
        draw("text", { x: pad.left - 6, y: y(tick) + 4, "text-anchor": "end" }, number(tick, scale.decimals)));
    }
    for (const tick of sizeTicks(sizes[0], sizes.at(-1), width < 500 ? 4 : 8)) {
      parts.push(draw("line", { class: "axis", x1: x(tick), x2: x(tick), y1: height - pad.bottom, y2: height - pad.bottom + 4 }),
        draw("text", { x: x(tick), y: height - pad.bottom + 17, "text-anchor": "middle" }, count(tick)));
    }
    for (const part of [3, 4]) parts.push(draw("path", { class: "limit", d: `M${line(part).join("L")}` }));
    for (const part of [1, 2]) parts.push(draw("path", { class: "limit-inner", d: `M${line(part).join("L")}` }));
    parts.push(draw("line", { class: "centre", x1: pad.left, x2: width - pad.right, y1: y(funnel.centre), y2: y(funnel.centre) }),
      draw("line", { class: "axis", x1: pad.left, x2: width - pad.right, y1: height - pad.bottom, y2: height - pad.bottom }),
      draw("text", { x: (pad.left + width - pad.right) / 2, y: height - 8, "text-anchor": "middle" }, "分母（件・人など、対数目盛）"),
      draw("text", { x: 14, y: pad.top + (height - pad.top - pad.bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 14 ${pad.top + (height - pad.top - pad.bottom) / 2})` }, "実績（％）"));
    const better = kpi.atMost ? -1 : 1;
    const taken = [];
    const labels = [];
    for (const [code, size, rate, zone] of [...funnel.points].sort((a, b) => Math.abs(a[3]) - Math.abs(b[3]))) {
      const kind = Math.abs(zone) < 2 ? "quiet-point" : zone * better > 0 ? "good" : "bad";
      const shape = zone === 0 || Math.abs(zone) === 1 ? dot(x(size), y(rate), zone ? 4.2 : 3.6) : triangle(x(size), y(rate), zone > 0);
      shape.setAttribute("class", `point pickable ${kind}${code === state.branch ? " here" : ""}`);
      shape.append(draw("title", {}, `${words(kpi, code)}、分母 ${number(size, 0)}`));
      shape.addEventListener("click", () => choose({ branch: code }));
      parts.push(shape);
      taken.push([x(size) - 5, y(rate) - 5, x(size) + 5, y(rate) + 5]);
    }
    const labelled = [...funnel.points].filter((point) => Math.abs(point[3]) === 2)
      .sort((a, b) => Math.abs(b[2] - funnel.centre) - Math.abs(a[2] - funnel.centre)).slice(0, 14);
    const own = funnel.points.find((point) => point[0] === state.branch);
    for (const [code, size, rate] of own ? [own, ...labelled.filter((point) => point !== own)] : labelled) {
      const text = label(name(code), x(size), y(rate), taken, width, code === state.branch);
      if (text) labels.push(text);
    }
    const outside = (zone) => funnel.points.filter((point) => point[3] === zone).sort((a, b) => Math.abs(b[2] - funnel.centre) - Math.abs(a[2] - funnel.centre)).map((point) => name(point[0]));
    const list = (names) => names.length > 9 ? `${names.slice(0, 8).join("、")}など${names.length}支部` : names.length ? names.join("、") : "なし";
    const up = outside(2), down = outside(-2);
    const [good, bad] = kpi.atMost ? [down, up] : [up, down];
    const said = `全国 ${number(funnel.centre, kpi.precision)}％。99.8％限界の外：良い側 ${list(good)}、悪い側 ${list(bad)}。`
      + `95％限界の外（99.8％の内）${funnel.points.filter((point) => Math.abs(point[3]) === 1).length}支部、帯の中${funnel.points.filter((point) => point[3] === 0).length}支部。`;
    const isWide = funnel.spread !== null && funnel.spread >= 2;
    host.replaceChildren(
      draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `ファンネルプロット ${kpi.name}。${said}` }, ...parts, ...labels),
      make("div", { class: "legend" },
        make("span", { class: "key plain" }, "● 帯の中・95％の外"), make("span", { class: "key plain" }, "▲▼ 99.8％限界の外（青 良い側、橙 悪い側）"),
        make("span", { class: "key plain" }, "実線の帯 95％、破線 99.8％、青線 全国")),
      make("figcaption", {}, said + (isWide ? `支部のばらつきは偶然の幅の${number(funnel.spread, 1)}倍です。件数が多い指標では、偶然以外の理由（地域の事情など）で多くの支部が帯の外に出ます。` : "")),
      table("数値を表で見る", ["支部", "分母", "実績（％）", "位置"], () => [...funnel.points].sort((a, b) => a[0].localeCompare(b[0])).map(([code, size, rate, zone]) =>
        [name(code), number(size, 0), number(rate, 2), ["99.8％の下", "95％の下", "帯の中", "95％の上", "99.8％の上"][zone + 2]])));
  }
  const dot = (cx, cy, r) => draw("circle", { cx, cy, r });
  function triangle(cx, cy, isUp) {
    const side = isUp ? -1 : 1;
    return draw("path", { d: `M${cx - 5.5} ${cy - side * 4}L${cx + 5.5} ${cy - side * 4}L${cx} ${cy + side * 6}Z` });
  }
  function sizeTicks(low, high, most) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      for (const factor of [1, 2, 5]) if (factor * 10 ** power >= low && factor * 10 ** power <= high) found.push(factor * 10 ** power);
    }
    return found.length <= most ? found : found.filter((tick) => String(tick).startsWith("1"));
  }
  /* Put a name beside its point where it covers no other one; none where there is no room. */
  function label(text, px, py, taken, width, mustStand) {
    const long = text.length * 12.5;
    const places = [[8, 4], [-8 - long, 4], [-long / 2, -9], [-long / 2, 19]];
    for (const [dx, dy] of places) {
      const box = [px + dx, py + dy - 11, px + dx + long, py + dy + 2];
      const isFree = box[0] > 46 && box[1] > 0 && box[2] < width && taken.every((one) => box[2] < one[0] || box[0] > one[2] || box[3] < one[1] || box[1] > one[3]);
      if (isFree || (mustStand && dx === 8 && box[2] < width)) {
        taken.push(box);
        return draw("text", { class: mustStand ? "label strong" : "label", x: px + dx, y: py + dy }, text);
      }
    }
    return null;
  }
  function table(title, heads, lines) {
    const details = make("details", {}, make("summary", {}, title));
    details.addEventListener("toggle", () => {
      if (details.querySelector("table")) return;
      details.append(make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
        make("tbody", {}, ...lines().map((line) => make("tr", {}, ...line.map((text, place) => place ? make("td", { class: "number" }, text) : make("th", { scope: "row" }, text)))))));
    });
    return details;
  }

  /* ---- control charts ---- */
  function drawControls(kpi) {
    drawControl(byId("control-nation"), kpi, NATION);
    if (state.branch) drawControl(byId("control-branch"), kpi, state.branch);
    else byId("control-branch").replaceChildren(make("p", { class: "empty" }, "支部を選ぶと、その支部の管理図をここに示します。"));
  }
  function drawControl(host, kpi, code) {
    const title = make("h4", {}, data.branches[code][0]);
    const chart = kpi.control[code];
    if (!chart) {
      host.replaceChildren(title, make("p", { class: "empty" }, "その月の値が8か月分ないため、管理図はありません。"));
      return;
    }
    const first = chart.v.findIndex((value) => value !== null);
    const months = data.months.slice(first);
    const values = chart.v.slice(first);
    const [width, height, strip] = [Math.max(320, host.clientWidth || 640), 190, 54];
    const bottom = height + strip + 40;
    const known = values.filter((value) => value !== null);
    let [low, high] = [Math.min(...known, chart.l), Math.max(...known, chart.u)];
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    [low, high] = [low - room, high + room];
    const scale = ticks(low, high, 4);
    const lines = [["limit", chart.u, "上限"], ["centre", chart.c, "平均"], ["limit", chart.l, "下限"]]
      .map(([kind, value, text]) => [kind, value, `${text} ${axisText(value, kpi.precision)}`]);
    const rangeText = axisText(chart.r, scale.decimals);
    const pad = {
      left: 28 + Math.max(...[...scale.at.map((tick) => axisText(tick, scale.decimals)), rangeText].map(textWidth)),
      right: 8 + Math.max(48, ...lines.map(([, , text]) => textWidth(text))), top: 12, bottom: 6,
    };
    const x = (place) => pad.left + (place + 0.5) / months.length * (width - pad.left - pad.right);
    const y = (value) => pad.top + (high - value) / (high - low) * (height - pad.top - pad.bottom);
    const parts = [];
    const signals = chart.s.map(([from, to, text]) => [from - first, to - first, text]);
    for (const [from, to] of signals.filter(([from, to]) => to > from)) {
      parts.push(draw("rect", { class: "signal-band", x: x(from) - 6, y: pad.top, width: x(to) - x(from) + 12, height: height - pad.top - pad.bottom }));
    }
    for (const tick of scale.at) {
      parts.push(draw("line", { class: "grid", x1: pad.left, x2: width - pad.right, y1: y(tick), y2: y(tick) }),
        draw("text", { x: pad.left - 6, y: y(tick) + 4, "text-anchor": "end" }, axisText(tick, scale.decimals)));
    }
    let labelBelow = -Infinity;
    for (const [kind, value, text] of lines) {
      parts.push(draw("line", { class: kind, x1: pad.left, x2: width - pad.right, y1: y(value), y2: y(value) }));
      const at = Math.max(y(value) + 4, labelBelow + 13);
      labelBelow = at;
      parts.push(draw("text", { x: width - pad.right + 5, y: at }, text));
    }
    parts.push(...pathOf(values, x, y));
    const marked = new Set(signals.map(([, to]) => to));
    const single = new Set(signals.filter(([from, to]) => from === to).map(([, to]) => to));
    values.forEach((value, place) => {
      if (value === null) return;
      const shape = single.has(place) ? diamond(x(place), y(value)) : dot(x(place), y(value), marked.has(place) ? 4.5 : 3);
      shape.setAttribute("class", marked.has(place) ? "point signal" : "point");
      shape.append(draw("title", {}, `${monthName(months[place])} ${number(value, kpi.precision + 1)}${kpi.unit}`));
      parts.push(shape);
    });
    /* the moving range, below */
    const ranges = values.map((value, place) => rangeAt(values, place));
    const top = Math.max(chart.r, ...ranges.filter((range) => range !== null)) * 1.1 || 1;
    const yr = (range) => height + strip - range / top * (strip - 6);
    parts.push(draw("line", { class: "axis", x1: pad.left, x2: width - pad.right, y1: yr(0), y2: yr(0) }),
      draw("line", { class: "limit", x1: pad.left, x2: width - pad.right, y1: yr(chart.r), y2: yr(chart.r) }),
      draw("text", { x: pad.left - 6, y: yr(0) + 4, "text-anchor": "end" }, "0"),
      draw("text", { x: pad.left - 6, y: yr(chart.r) + 4, "text-anchor": "end" }, rangeText),
      draw("text", { x: width - pad.right + 5, y: height + strip / 2 + 4 }, "移動範囲"),
      ...pathOf(ranges, x, yr));
    const every = Math.ceil(months.length / ((width - pad.left - pad.right) / 34));
    months.forEach((month, place) => {
      const monthNumber = Number(month.slice(5));
      if (monthNumber === 4 || place === 0) {
        parts.push(draw("line", { class: "axis", x1: x(place) - (x(1) - x(0)) / 2, x2: x(place) - (x(1) - x(0)) / 2, y1: pad.top, y2: bottom - 22 }));
        const year = Number(month.slice(0, 4)) - 2018 - (monthNumber < 4 ? 1 : 0);
        parts.push(draw("text", { x: x(place) - 4, y: bottom - 4 }, `令和${year}年度`));
      }
      if ((monthNumber - 4 + 12) % every === 0) parts.push(draw("text", { x: x(place), y: bottom - 20, "text-anchor": "middle" }, String(monthNumber)));
    });
    parts.push(draw("text", { x: width - pad.right + 5, y: bottom - 20 }, "月"),
      draw("text", { x: 14, y: height / 2, "text-anchor": "middle", transform: `rotate(-90 14 ${height / 2})` }, `その月の値（${kpi.unit}）`));
    const said = signals.length
      ? signals.slice(-4).map(([from, to, text]) => `${from === to ? "" : `${monthName(months[from])}～`}${monthName(months[to])}：${text}`).join("。") + "。"
      : "信号はありません（ふだんの上下の範囲です）。";
    const long = `平均 ${number(chart.c, kpi.precision)}${kpi.unit}、限界 ${number(chart.l, kpi.precision)}～${number(chart.u, kpi.precision)}${kpi.unit}。`;
    host.replaceChildren(title,
      make("p", { class: `control-words${signals.length ? " signal" : ""}` }, `${signals.length ? `◆ 信号${signals.length}件${signals.length > 4 ? "（新しい4件）" : ""}　` : ""}${said}`),
      draw("svg", { viewBox: `0 0 ${width} ${bottom}`, role: "img", "aria-label": `管理図 ${data.branches[code][0]} ${kpi.name}。${long}${said}` }, ...parts),
      table("数値を表で見る", ["月", `その月の値（${kpi.unit}）`], () => months.map((month, place) => [monthName(month), values[place] === null ? "―" : number(values[place], kpi.precision + 1)])));
  }
  /* The range to the last month that has a value, as the limits were worked out. */
  function rangeAt(values, place) {
    if (values[place] === null) return null;
    for (let before = place - 1; before >= 0; before -= 1) if (values[before] !== null) return Math.abs(values[place] - values[before]);
    return null;
  }
  /* A line, broken where a month has no value. */
  function pathOf(values, x, y) {
    let steps = "";
    values.forEach((value, place) => {
      if (value !== null) steps += `${place && values[place - 1] !== null ? "L" : "M"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
    });
    return steps ? [draw("path", { class: "series", d: steps })] : [];
  }
  const diamond = (cx, cy) => draw("path", { d: `M${cx} ${cy - 6.5}L${cx + 6.5} ${cy}L${cx} ${cy + 6.5}L${cx - 6.5} ${cy}Z` });

  /* ---- heat table ---- */
  const heat = byId("heat");
  const headCells = heat ? [...heat.querySelectorAll("thead th[data-kpi]")] : [];
  const columnKpis = headCells.map((head) => kpis.get(head.dataset.kpi));
  const rows = heat ? [...heat.querySelectorAll("tbody tr")] : [];
  const branchRows = rows.filter((row) => row.dataset.code !== NATION);
  const cellsOf = new Map(rows.map((row) => [row, [...row.querySelectorAll("td")]]));

  function shownText(cell, kpi) {
    if (cell === null) return ["／", ""];
    const mark = MARKS[cell[CELL.outcome]];
    if (state.mode === "outcome") return ["", mark];
    if (state.mode === "figure" && cell[CELL.figure]) return [`${cell[CELL.figure]}${cell[CELL.unit] !== kpi.unit ? cell[CELL.unit] : ""}`, mark];
    const value = { ratio: cell[CELL.ratio], rank: cell[CELL.rank], deviation: cell[CELL.deviation] }[state.mode] ?? null;
    return value === null ? ["―", ""] : [String(value), mark];
  }
  function fillHeat() {
    for (const row of rows) {
      cellsOf.get(row).forEach((place, index) => {
        const kpi = columnKpis[index];
        const [text, mark] = shownText(cellOf(kpi, row.dataset.code), kpi);
        place.replaceChildren(...[text, mark && make("i", {}, mark)].filter(Boolean));
      });
    }
    headCells.forEach((head, index) => {
      const kpi = columnKpis[index];
      const unit = { figure: kpi.unit || "有無", outcome: "判定", ratio: "対計画", rank: "位", deviation: "偏差値" }[state.mode];
      head.querySelector(".unit").textContent = `${unit}${kpi.atMost && state.mode !== "rank" && state.mode !== "deviation" ? "↓" : ""}`;
    });
    heat.className = state.paint === "target" ? "by-target" : "by-deviation";
    const keys = state.paint === "target"
      ? [["t4", "達成（対計画値に5以上の余裕）"], ["t3", "達成"], ["t2", "未達成（あと5以内）"], ["t1", "未達成"]]
      : [["d5", "偏差値60以上"], ["d4", "55以上"], ["d3", "45以上55未満"], ["d2", "45未満"], ["d1", "40未満"]];
    byId("heat-legend").replaceChildren(...keys.map(([key, text]) => make("span", { class: `key ${key}` }, text)),
      make("span", { class: "key plain" }, "○ 達成　× 未達成　― 判定不能・実績なし　／ 対象外　点線の下線：別の月の実績"));
  }
  function sortValue(row) {
    if (state.sort === "code") return row.dataset.code;
    const cell = cellOf(kpis.get(state.sort), row.dataset.code);
    if (cell === null) return null;
    switch (state.mode) {
      case "outcome": return 2 - cell[CELL.outcome];
      case "ratio": return cell[CELL.ratio] === null ? null : Number(cell[CELL.ratio]);
      case "rank": return cell[CELL.rank];
      case "deviation": return cell[CELL.deviation] === null ? null : Number(cell[CELL.deviation]);
      default: return cell[CELL.value] ?? (cell[CELL.figure] ? 1 : null);
    }
  }
  function sortHeat() {
    const keyed = branchRows.map((row) => [sortValue(row), row]);
    const way = state.descending ? -1 : 1;
    /* what is not there comes last, whichever way */
    keyed.sort(([a, one], [b, other]) => (a === null) - (b === null) || (a === b ? 0 : a < b ? -way : way) || one.dataset.code.localeCompare(other.dataset.code));
    heat.querySelector("tbody.branches").append(...keyed.map(([, row]) => row));
    for (const head of heat.querySelectorAll("thead th[data-sort]")) {
      head.setAttribute("aria-sort", head.dataset.sort === state.sort ? (state.descending ? "descending" : "ascending") : "none");
    }
  }
  function filterHeat() {
    const [find, region, group, outcome] = ["find", "region", "group", "outcome"].map((id) => byId(id).value.trim());
    const kpi = kpis.get(state.kpi);
    let shown = 0;
    for (const row of branchRows) {
      const code = row.dataset.code;
      const cell = cellOf(kpi, code);
      const isShown = (!find || `${code} ${data.branches[code][0]}`.includes(find)) && (!region || data.branches[code][2] === region)
        && (outcome === "" || (cell !== null && String(cell[CELL.outcome]) === outcome));
      row.hidden = !isShown;
      shown += isShown;
    }
    const isOut = columnKpis.map((one) => group !== "" && one.group !== group);
    headCells.forEach((head, index) => { head.hidden = isOut[index]; });
    for (const row of rows) cellsOf.get(row).forEach((cell, index) => { cell.hidden = isOut[index]; });
    for (const head of heat.querySelectorAll("thead th[data-group]")) head.hidden = group !== "" && head.dataset.group !== group;
    byId("heat-count").textContent = shown < branchRows.length || group ? `${branchRows.length}支部のうち${shown}支部、${columnKpis.length}指標のうち${isOut.filter((one) => !one).length}指標を表示しています。` : "";
    keepFocusable();
  }
  function markHeat() {
    headCells.forEach((head) => head.classList.toggle("chosen", head.dataset.kpi === state.kpi));
    for (const row of rows) {
      row.classList.toggle("chosen", row.dataset.code === state.branch);
      cellsOf.get(row).forEach((cell, index) => cell.classList.toggle("chosen", columnKpis[index].id === state.kpi));
    }
  }

  /* Roving focus: one cell is in the order of the Tab key, arrows move it over what is shown. */
  let focused = null;
  function keepFocusable() {
    if (focused === null || focused.hidden || focused.parentElement.hidden) {
      const row = shownRows()[0];
      setFocusable(row ? cellsOf.get(row).find((cell) => !cell.hidden) ?? null : null);
    }
  }
  function setFocusable(cell) {
    if (focused) focused.tabIndex = -1;
    focused = cell;
    if (cell) cell.tabIndex = 0;
  }
  const shownRows = () => [...heat.querySelectorAll("tbody tr")].filter((row) => !row.hidden);
  function step(cell, key, isWide) {
    const row = cell.parentElement;
    const shown = shownRows();
    const across = cellsOf.get(row).filter((one) => !one.hidden);
    const place = across.indexOf(cell);
    const index = cellsOf.get(row).indexOf(cell);
    const down = (to) => cellsOf.get(shown[Math.min(shown.length - 1, Math.max(0, to))])[index];
    const at = shown.indexOf(row);
    switch (key) {
      case "ArrowRight": return across[Math.min(across.length - 1, place + 1)];
      case "ArrowLeft": return across[Math.max(0, place - 1)];
      case "ArrowDown": return down(at + 1);
      case "ArrowUp": return down(at - 1);
      case "PageDown": return down(at + 10);
      case "PageUp": return down(at - 10);
      case "Home": return isWide ? cellsOf.get(shown[0]).find((one) => !one.hidden) : across[0];
      case "End": return isWide ? cellsOf.get(shown.at(-1)).filter((one) => !one.hidden).at(-1) : across.at(-1);
      default: return null;
    }
  }
  function cellKpi(cell) {
    return columnKpis[cellsOf.get(cell.parentElement).indexOf(cell)];
  }
  function tell(cell) {
    const kpi = cellKpi(cell);
    byId("cell-words").textContent = `${kpi.name}　${words(kpi, cell.parentElement.dataset.code)}`;
  }
  function chooseCell(cell) {
    const code = cell.parentElement.dataset.code;
    choose({ kpi: cellKpi(cell).id, branch: code === NATION ? state.branch : code });
  }
  function startHeat() {
    heat.setAttribute("role", "grid");
    for (const head of heat.querySelectorAll("thead th[data-sort]")) {
      const button = make("button", { type: "button", class: "sort" });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const key = head.dataset.sort;
        /* the first click shows the best on top: the highest, or the lowest where low is good */
        const isBestHigh = key !== "code" && state.mode !== "rank" && (state.mode === "outcome" || state.mode === "deviation" || !kpis.get(key).atMost);
        state.descending = state.sort === key ? !state.descending : isBestHigh;
        state.sort = key;
        sortHeat();
      });
    }
    for (const cells of cellsOf.values()) for (const cell of cells) cell.tabIndex = -1;
    const cellAt = (event) => event.target.closest("tbody td");
    heat.addEventListener("click", (event) => { const cell = cellAt(event); if (cell) { setFocusable(cell); tell(cell); chooseCell(cell); } });
    heat.addEventListener("focusin", (event) => { const cell = cellAt(event); if (cell) { setFocusable(cell); tell(cell); } });
    heat.addEventListener("mouseover", (event) => {
      const cell = cellAt(event);
      if (cell && !cell.title) cell.title = `${cellKpi(cell).name}　${words(cellKpi(cell), cell.parentElement.dataset.code)}`;
    });
    heat.addEventListener("keydown", (event) => {
      const cell = cellAt(event);
      if (!cell) return;
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); chooseCell(cell); return; }
      const next = step(cell, event.key, event.ctrlKey);
      if (next) { event.preventDefault(); setFocusable(next); next.focus(); }
    });
    for (const input of document.querySelectorAll("input[name=mode], input[name=paint]")) {
      input.addEventListener("change", () => { state[input.name] = input.value; fillHeat(); if (input.name === "mode") sortHeat(); });
    }
    for (const id of ["find", "region", "group", "outcome"]) byId(id).addEventListener("input", filterHeat);
    byId("clear").addEventListener("click", () => {
      for (const id of ["find", "region", "group", "outcome"]) byId(id).value = "";
      filterHeat();
    });
    sortHeat();
  }

  /* ---- what is chosen ---- */
  function choose(choice) {
    Object.assign(state, choice);
    showChoice();
  }
  function showChoice() {
    const kpi = kpis.get(state.kpi);
    byId("kpi").value = state.kpi;
    byId("branch").value = state.branch;
    for (const place of document.querySelectorAll("[data-kpi-name]")) place.textContent = kpi.name;
    for (const row of document.querySelectorAll("#kpis tbody tr[data-kpi]")) row.classList.toggle("chosen", row.dataset.kpi === state.kpi);
    const held = document.activeElement;
    const heldTile = held && held.closest("#map") ? [...byId("map").children].indexOf(held.parentElement) : -1;
    const heldRank = held && held.closest("#ranking") ? held.textContent : null;
    drawMap(kpi);
    drawRanking(kpi);
    drawFunnel(kpi);
    drawControls(kpi);
    /* what was drawn anew keeps the keyboard's place */
    if (heldTile >= 0) byId("map").children[heldTile]?.firstElementChild.focus();
    if (heldRank !== null) [...byId("ranking").querySelectorAll("button")].find((one) => one.textContent === heldRank)?.focus();
    if (heat) { markHeat(); filterHeat(); }
  }
  function start() {
    document.documentElement.classList.add("js");
    for (const place of document.querySelectorAll("[data-pick]")) {
      const from = place.closest("[data-kpi]");
      const choice = { kpi: from.dataset.kpi };
      if (from.dataset.code && data.branches[from.dataset.code]) choice.branch = from.dataset.code;
      if (!kpis.has(choice.kpi)) continue;
      const button = pickButton(place.textContent, choice);
      place.replaceChildren(button);
      if (!place.closest("#kpis")) button.addEventListener("click", () => byId("chosen-title").scrollIntoView());
    }
    byId("kpi").addEventListener("change", (event) => choose({ kpi: event.target.value }));
    byId("branch").addEventListener("change", (event) => choose({ branch: event.target.value }));
    const ids = [...byId("kpi").options].map((option) => option.value);
    const move = (by) => choose({ kpi: ids[(ids.indexOf(state.kpi) + by + ids.length) % ids.length] });
    byId("kpi-back").addEventListener("click", () => move(-1));
    byId("kpi-next").addEventListener("click", () => move(1));
    if (heat) startHeat();
    showChoice();
    byId("map").parentElement.scrollLeft = 1000; /* on a narrow screen the east is seen first */
    let width = window.innerWidth;
    window.addEventListener("resize", () => {
      if (window.innerWidth === width) return;
      width = window.innerWidth;
      const kpi = kpis.get(state.kpi);
      drawFunnel(kpi);
      drawControls(kpi);
    });
  }
  start();
})();
