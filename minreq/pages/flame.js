// What the import costs: each module below its importer, as wide as its share. A click on a module shows it alone.
// A node is [name, place, microseconds, bytes, children].
const flameRow = 20;
let flameUnit = 2, flameTrail = [];
const flameText = node => flameUnit === 2 ? (node[2] / 1000).toFixed(1) + " ms" : (node[3] / 1e6).toFixed(1) + " MB";

// One hue for all modules of a package; white text on each can be read.
function flameColour(name) {
  let hash = 0;
  for (const letter of name.split(".")[0]) hash = (hash * 31 + letter.charCodeAt(0)) % 360;
  return `hsl(${hash} 40% 28%)`;
}

function drawFlame() {
  const flame = element("flame"), top = flameTrail[flameTrail.length - 1];
  let depth = 0;
  flame.replaceChildren();
  const draw = (node, level, left, width) => {
    const one = made("button", node[0] + "  " + flameText(node), "tile");
    one.setAttribute("aria-label", node[0] + " " + flameText(node) + (node[1] ? ", imported in " + node[1] : ""));
    one.style.cssText = `left:${left * 100}%;width:${width * 100}%;top:${level * flameRow}px;height:${flameRow}px;background:${flameColour(node[0])}`;
    one.title = node[0] + "\n" + (node[2] / 1000).toFixed(1) + " ms, " + (node[3] / 1e6).toFixed(2) + " MB" + (node[1] ? "\nimported in " + node[1] : "");
    one.onclick = () => {
      // The outermost goes back to its importer.
      flameTrail = node === top ? (flameTrail.length > 1 ? flameTrail.slice(0, -1) : flameTrail) : [...flameTrail, node];
      drawFlame();
      element("flame").querySelector("button").focus({ preventScroll: true });
    };
    flame.append(one);
    depth = Math.max(depth, level + 1);
    let from = left;
    for (const child of [...node[4]].sort((a, b) => b[flameUnit] - a[flameUnit])) {
      const part = width * child[flameUnit] / (node[flameUnit] || 1);
      if (part > 0.001) draw(child, level + 1, from, part);
      from += part;
    }
  };
  draw(top, 0, 0, 1);
  flame.style.height = depth * flameRow + "px";
  setStop(flame, flame.querySelector("button"));
}

function showImports(imports) {
  if (!imports) return;
  element("imports").hidden = false;
  element("imports-title").textContent = imports.title;
  flameTrail = [imports.root];
  for (const one of element("units").querySelectorAll("button")) {
    one.onclick = () => {
      flameUnit = Number(one.value);
      element("units").querySelectorAll("button").forEach(each => each.setAttribute("aria-pressed", String(each === one)));
      drawFlame();
    };
  }
  const plain = column => column < 5 ? "plain" : "";
  [imports.heading, ...imports.rows].forEach((cells, index) => addRow(element("import-lines"), cells, !index, plain));
  drawFlame();
}
