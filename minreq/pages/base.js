// Squarified treemap (Bruls, Huizing, van Wijk 2000): rows along the shorter side, as near to squares as can be.
// A node has its size at 1; `put` gets each node with its place.
function layout(nodes, x, y, width, height, put) {
  nodes = nodes.filter(node => node[1] > 0).sort((a, b) => b[1] - a[1]);
  let total = nodes.reduce((sum, node) => sum + node[1], 0), start = 0;
  while (start < nodes.length && width > 0.5 && height > 0.5) {
    const side = Math.min(width, height), scale = width * height / total;
    let stop = start, sum = 0, worst = Infinity;
    while (stop < nodes.length) {
      const next = sum + nodes[stop][1], length = next * scale / side;
      const ratio = Math.max(length * length / (nodes[stop][1] * scale), nodes[start][1] * scale / (length * length));
      if (ratio > worst) break;
      worst = ratio; sum = next; stop += 1;
    }
    const thick = sum * scale / side;
    let offset = 0;
    for (const node of nodes.slice(start, stop)) {
      const long = node[1] * scale / thick;
      width >= height ? put(node, x, y + offset, thick, long) : put(node, x + offset, y, long, thick);
      offset += long;
    }
    if (width >= height) { x += thick; width -= thick; } else { y += thick; height -= thick; }
    total -= sum; start = stop;
  }
}

const element = id => document.getElementById(id);
const number = count => count.toLocaleString("en-US");
const short = count => count >= 1048576 ? (count / 1048576).toFixed(1) + " MiB" : Math.max(Math.round(count / 1024), count && 1) + " KiB";

function made(tag, text, style) {
  const one = document.createElement(tag);
  if (text !== undefined) one.textContent = text;
  if (style) one.className = style;
  return one;
}

// The title and the facts below it, each with whether it is bad news.
function showHead() {
  element("title").textContent = data.title;
  for (const [text, bad] of data.facts) element("facts").append(made("span", text + "  ", bad ? "bad" : ""));
}

// A row of a table: its cells are headings in the first row.
function addRow(table, cells, isHead, style = () => "") {
  const line = (isHead ? table.tHead || table.createTHead() : table.tBodies[0] || table.createTBody()).insertRow();
  cells.forEach((cell, column) => {
    const one = made(isHead ? "th" : "td", cell, style(column));
    if (isHead) one.scope = "col";
    line.append(one);
  });
}

// Arrow keys scroll what is wider than its place, so Tab has to stop there.
function letScroll(...boxes) {
  for (const box of boxes) box.scrollWidth > box.clientWidth ? box.tabIndex = 0 : box.removeAttribute("tabindex");
}

// Draw anew when the width changes: that of the window, and that of paper.
function drawAgain(draw) {
  const onPaper = isPaper => { document.body.classList.toggle("paper", isPaper); draw(); };
  addEventListener("resize", draw);
  addEventListener("beforeprint", () => onPaper(true));
  addEventListener("afterprint", () => onPaper(false));
}

const isPaper = () => document.body.classList.contains("paper");

// A screen reader and the next Tab go on in the evidence; Escape goes back.
function showPanel() {
  const heading = element("details").querySelector("h2");
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

// The focus goes back to the button that opened the evidence, or to the map if that button was drawn anew.
function leavePanel(opener) {
  const to = opener && opener.isConnected ? opener : element("map").querySelector("button[tabindex='0']");
  if (to) to.focus();
}

// In a field with text, Escape empties the field, and does nothing else.
const emptiesField = event => event.target.type === "search" && event.target.value !== "";

// Let Tab stop once in a box, at *stop*: arrow keys move within it (WAI-ARIA, "roving tabindex").
function setStop(box, stop) {
  for (const one of box.querySelectorAll("button")) one.tabIndex = one === stop ? 0 : -1;
}

// Let Tab stop in a box at what is chosen, or else where it stops already.
function setStopAt(box, isChosen) {
  const ones = [...box.querySelectorAll("button")];
  setStop(box, ones.find(isChosen) || ones.find(one => one.tabIndex === 0) || ones[0]);
}

// Move the focus of a box by an arrow key; *choose* may name another button than the next.
function moveFocus(event, boxes, choose = () => undefined) {
  const one = event.target.closest("button"), box = one && one.closest(boxes);
  // With another key they belong to the browser: Alt and the left arrow go back.
  if (!box || !event.key.startsWith("Arrow") || event.altKey || event.ctrlKey || event.metaKey) return;
  const ones = [...box.querySelectorAll("button")], step = event.key === "ArrowDown" || event.key === "ArrowRight" ? 1 : -1;
  const chosen = choose(one, ones), to = chosen === undefined ? ones[ones.indexOf(one) + step] : chosen;
  event.preventDefault();
  if (to) { setStop(box, to); to.focus(); }
}
