// The page at /: asks the sidecar's own routes every few seconds and draws what they answer.
"use strict";

const REFRESH_MS = 5000;
const GROUPS_SHOWN = 12;
const BLUE = "#1f6feb", ORANGE = "#bc6c25", FILL = "#1f6feb26";

const chosen = { hours: 24, segment: null }; // the first that /stats names
const charts = {}, redraw = {};
// How uPlot writes a time: by the smallest distance of ticks in seconds, then at a new day.
const CLOCK = [
  [86400, "{D} {MMM}", null, null, null, null, null, null, 1],
  [60, "{HH}:{mm}", null, null, "\n{D} {MMM}", null, null, null, 1],
];

const element = (id) => document.getElementById(id);
const number = (value, digits = 0) =>
  value == null ? "–" : value.toLocaleString("en", { maximumFractionDigits: digits });
const significant = (value) =>
  value == null ? "–" : value.toLocaleString("en", { maximumSignificantDigits: 3 });
const percent = (share) => (share == null ? "–" : `${number(100 * share, 1)}%`);
const withInterval = (row, name) => row[`${name}_low`] == null ? significant(row[name])
  : `${significant(row[name])} (${significant(row[`${name}_low`])} to ${significant(row[`${name}_high`])})`;
const moment = (iso) => (iso ? iso.slice(0, 19).replace("T", " ") : "–");

async function ask(path, accepted = []) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(REFRESH_MS) });
  if (!answer.ok && !accepted.includes(answer.status)) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

function fill(id, entries) {
  element(id).replaceChildren(...entries.map(([term, value]) => {
    const box = document.createElement("div");
    for (const [tag, text] of [["dt", term], ["dd", value]]) {
      const child = document.createElement(tag);
      child.textContent = text;
      box.append(child);
    }
    return box;
  }));
}

function press(choice) {
  Object.assign(chosen, choice);
  mark();
  refresh();
}

// A button for each segment column of the log, and one for the version.
function showSegments(segments) {
  const names = [...segments.map(({ name }) => name), "model_version"];
  if (!names.includes(chosen.segment)) chosen.segment = names[0];
  const shown = [...element("segments").children].map(({ dataset }) => dataset.segment);
  if (JSON.stringify(shown) !== JSON.stringify(names)) {
    element("segments").replaceChildren(...names.map((name) => {
      const button = document.createElement("button");
      button.dataset.segment = name;
      button.textContent = name.replaceAll("_", " ");
      button.onclick = () => press({ segment: name });
      return button;
    }));
  }
  mark();
}

function mark() {
  for (const button of document.querySelectorAll("nav button")) {
    const { hours, segment } = button.dataset;
    button.setAttribute("aria-pressed", String(hours ? Number(hours) === chosen.hours : segment === chosen.segment));
  }
}

// Draw `data` in the chart `id`; the chart is made anew when the box has another size.
function draw(id, data, series, axes = {}) {
  const box = element(id), width = box.clientWidth, legend = series.length > 1;
  redraw[id] = () => draw(id, data, series, axes);
  if (charts[id]?.width === width) return charts[id].setData(data);
  charts[id]?.destroy();
  const axis = { stroke: "#66717f", grid: { stroke: "#e3e7ec", width: 1 }, ticks: { show: false } };
  charts[id] = new uPlot({
    width, height: box.clientHeight - (legend ? 30 : 0), tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
    cursor: { y: false }, legend: { show: legend },
    series: [{}, ...series], scales: { x: { ...axes.scale, range: margins }, y: { range: (_, __, max) => [0, max * 1.1 || 1] } },
    axes: [{ ...axis, values: CLOCK, ...axes.x }, { ...axis, size: 60, values: (_, ticks) => ticks.map((tick) => number(tick, 3)) }],
  }, data, box);
}

// Half a step more at both ends, so that the outer bars are whole.
const margins = (chart, min, max) => {
  const half = (max - min) / Math.max(chart.data[0].length - 1, 1) / 2 || 0.5;
  return [min - half, max + half];
};
const bars = { stroke: BLUE, fill: FILL, paths: uPlot.paths.bars({ size: [0.8, 60] }), points: { show: false } };

function drawTime(groups, unit) {
  const seconds = unit === "hour" ? 3600 : 86400;
  const by = new Map(groups.map((group) => [Date.parse(group.value) / 1000, group]));
  const last = Math.floor(Date.now() / 1000 / seconds) * seconds;
  const count = Math.round(chosen.hours * 3600 / seconds);
  const times = Array.from({ length: count }, (_, i) => last - (count - 1 - i) * seconds);
  const column = (pick) => times.map((time) => (by.has(time) ? pick(by.get(time)) : null));
  element("unit").textContent = `each ${unit}`;
  draw("volume", [times, column((group) => group.predictions)], [{ label: "predictions", ...bars }]);
  const quantile = (name) => column((group) => group.inference_time_ms_quantiles[name]);
  const line = (label, stroke) => ({ label, stroke, width: 2, spanGaps: true, points: { show: true, size: 4 } });
  draw("latency", [times, quantile("p50"), quantile("p99")], [line("p50", BLUE), line("p99", ORANGE)]);
}

let bounds = []; // of the buckets, as last drawn: the chart outlives them

function drawDistribution(buckets) {
  bounds = buckets.map((bucket) => significant(bucket.least_revenue));
  const label = (i) => bounds[i] ?? "";
  draw("distribution", [buckets.map((_, i) => i), buckets.map((bucket) => bucket.predictions)],
    [{ label: "predictions", ...bars }],
    { scale: { time: false }, x: { incrs: [1, 2, 4, 8, 16], values: (_, ticks) => ticks.map(label) } });
}

function showGroups(groups) {
  const largest = Math.max(1, ...groups.map((group) => group.predictions));
  showRows("groups", groups.map((group) => [group.value || "(none)", number(group.predictions),
    significant(group.mean_predicted_revenue), significant(group.sum_predicted_revenue)]),
  "Predictions will be counted here by each segment column of the model.");
  groups.forEach((group, i) => element("groups").tBodies[0].rows[i].cells[0]
    .style.setProperty("--share", `${100 * group.predictions / largest}%`));
}

// An empty table says in one row what fills it.
function showRows(id, rows, empty) {
  element(id).tBodies[0].replaceChildren(...(rows.length ? rows : [[empty]]).map((cells) => {
    const row = document.createElement("tr");
    for (const text of cells) row.insertCell().textContent = text;
    if (!rows.length) Object.assign(row.cells[0], { colSpan: 20, className: "empty" });
    return row;
  }));
}

function showRealised(versions) {
  showRows("realised", versions.slice(0, GROUPS_SHOWN).map((version) => [version.model_version,
    `${percent(version.matured_share)} of ${number(version.installs)}`, significant(version.real_sum),
    withInterval(version, "bias"), significant(version.mae), significant(version.gini)]),
  "Send what users really brought to POST /outcomes: figures come with the first predicted users.");
}

// Two rows a pair: the later version with the differences, then the one it is beside.
function showCompared(pairs) {
  showRows("compared", pairs.slice(0, GROUPS_SHOWN).flatMap((pair) => {
    const row = (prefix, name, ratio, difference) => {
      const of = (figure) => pair[`${prefix}${figure}`];
      return [name, number(of("installs")), significant(of("predicted_mean")), ratio,
        number(of("labelled")), withInterval(pair, `${prefix}bias`), significant(of("mae")), difference];
    };
    return [
      row("", `${pair.model_version} ${pair.same_installs ? "in shadow" : "for a share"}`,
        withInterval(pair, "predicted_ratio"), withInterval(pair, "mae_difference")),
      row("against_", pair.against_version, "", ""),
    ];
  }), "A challenger beside the champion shows here: start scripts/serve with --challenger shadow or a share.");
}

async function showDrift() {
  let drift;
  try {
    drift = await ask(`drift?window=${chosen.hours}h`);
  } catch {
    element("drift-verdict").textContent = "no answer";
    return;
  }
  const against = drift.reference_rows == null ? "the time before" : `${number(drift.reference_rows)} training installs`;
  element("drift-verdict").textContent = drift.window.rows
    ? `${drift.verdict}, version ${drift.window.model_version} against ${against}` : "no predictions";
  showRows("drift", drift.columns.map((column) => {
    const found = column.reference ?? column.before;
    return [column.column, column.verdict, significant(found?.psi), found?.reasons.join(", ") ?? ""];
  }), "Columns are compared as soon as there are predictions in the window.");
}

function showTotals(stats) {
  fill("tiles", [
    ["predictions", number(stats.total_predictions)],
    ["mean, USD", significant(stats.mean_predicted_revenue)],
    ["median, USD", significant(stats.predicted_revenue_quantiles.p50)],
    ["without revenue", percent(stats.zero_share)],
    ["failed", number(stats.failed)],
    ["inference p50, ms", significant(stats.inference_time_ms_quantiles.p50)],
    ["inference p99, ms", significant(stats.inference_time_ms_quantiles.p99)],
    ["last prediction", moment(stats.last_prediction).slice(11)],
  ]);
}

function showHealth(health) {
  const broken = Object.entries(health.parts).filter(([, part]) => !part.ok);
  element("state").className = broken.length ? "bad" : "ok";
  element("state").textContent = broken.length
    ? broken.map(([name, part]) => `${name} ${part.detail}`).join("; ") : "all predictions are logged";
  const rows = Object.entries(health.rows).map(([name, count]) => [`rows ${name}`, number(count)]);
  const parts = Object.entries(health.parts).map(([name, part]) => [name, part.detail]);
  fill("log", [...rows, ["oldest waits, s", number(health.lag_s, 1)], ...parts]);
}

async function showChampion() {
  let entries;
  try {
    const model = await ask("model/info");
    const metrics = Object.entries(model.metrics).map(([name, value]) => [name, significant(value)]);
    entries = [["model", `${model.name} version ${model.version}`], ["aliases", model.aliases.join(", ")],
      ["registered", moment(model.trained_at)], ...metrics];
  } catch {
    entries = [["model", "the registry knows no champion or does not answer"]];
  }
  fill("champion", entries);
}

async function refresh() {
  const start = new Date(Date.now() - chosen.hours * 3600e3).toISOString();
  const unit = chosen.hours <= 168 ? "hour" : "day";
  try {
    showHealth(await ask("health", [503]));
    const stats = await ask(`stats?start=${start}&group_by=${unit}&limit=1000`);
    showTotals(stats);
    showRealised(stats.realised);
    showCompared(stats.compared);
    drawTime(stats.groups, unit);
    drawDistribution(stats.revenue_distribution);
    showSegments(stats.segments);
    const by = await ask(`stats?start=${start}&group_by=${encodeURIComponent(chosen.segment)}&limit=${GROUPS_SHOWN}`);
    showGroups(by.groups);
    await showDrift();
  } catch (problem) {
    element("state").className = "bad";
    if (!element("state").textContent.includes("database")) element("state").textContent = `no answer: ${problem.message}`;
  }
}

for (const button of element("windows").children) {
  button.onclick = () => press({ hours: Number(button.dataset.hours) });
}
mark();
refresh();
showChampion();
setInterval(refresh, REFRESH_MS);
setInterval(showChampion, 6 * REFRESH_MS);
const resized = new ResizeObserver((boxes) => boxes.forEach(({ target }) => redraw[target.id]?.()));
document.querySelectorAll(".chart").forEach((box) => resized.observe(box));
