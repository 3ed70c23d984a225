// Draws BPMN models as SVG: bpmn-js in Chromium, told by `render` where everything is.
//
// The drawing depends on nothing of the machine: the browser is offline, the font comes with the
// tools (Arimo, which has the widths of Arial), and the random ids of bpmn-js are counted anew.

import { createRequire } from 'node:module';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { findCollisions } from './collisions.mjs';

const { values: options, positionals: models } = parseArgs({
  allowPositionals: true,
  options: {
    tools: { type: 'string' },
    chromium: { type: 'string' },
    pictures: { type: 'string' },
    check: { type: 'boolean', default: false },
    png: { type: 'string' },
  },
});
const requireTool = createRequire(join(options.tools, 'package.json'));

const faults = [];
const browser = await launchBrowser();
try {
  for (const model of models) {
    await render(model);
  }
} finally {
  await browser.close();
}
faults.forEach((fault) => console.error(fault));
process.exitCode = faults.length > 0 ? 1 : 0;

function launchBrowser() {
  const { chromium } = requireTool('playwright-core');
  return chromium.launch({ executablePath: options.chromium });
}

async function render(model) {
  const name = basename(model, '.bpmn');
  const drawing = await draw(await readFile(model, 'utf8'));
  faults.push(...drawing.faults.map((fault) => `${basename(model)}: ${fault}`));
  const svg = tidy(drawing.svg, drawing.title);
  if (options.png) {
    await writePng(svg, join(options.png, `${name}.png`));
  }
  await (options.check ? compare : write)(join(options.pictures, `${name}.svg`), svg);
}

async function draw(xml) {
  const page = await openPage();
  try {
    await page.addScriptTag({ path: requireTool.resolve('bpmn-js/dist/bpmn-viewer.production.min.js') });
    await page.addScriptTag({ content: findCollisions.toString() });
    return await page.evaluate(drawInPage, xml);
  } finally {
    await page.context().close();
  }
}

// Runs in the browser.
async function drawInPage(xml) {
  const font = { fontFamily: 'Arimo, Arial, "Liberation Sans", Helvetica, sans-serif' };
  const viewer = new window.BpmnJS({ container: '#canvas', textRenderer: { defaultStyle: font } });
  const { warnings } = await viewer.importXML(xml);
  const faults = [...warnings.map((warning) => warning.message), ...findCollisions(viewer)];
  // The areas that take a mouse are of no use in a picture.
  document.querySelectorAll('.djs-hit, .djs-outline').forEach((area) => area.remove());
  // A reader without the font has another one, and its letters must not leave their box.
  document.querySelectorAll('#canvas tspan').forEach((line) => {
    line.setAttribute('textLength', line.getComputedTextLength());
    line.setAttribute('lengthAdjust', 'spacingAndGlyphs');
  });
  const { svg } = await viewer.saveSVG();
  const title = viewer.get('canvas').getRootElement().businessObject.name;
  return { svg, title, faults };
}

async function openPage() {
  const context = await browser.newContext({ offline: true, viewport: { width: 1600, height: 900 } });
  const page = await context.newPage();
  const font = await readFile(requireTool.resolve('@fontsource/arimo/files/arimo-latin-400-normal.woff2'));
  await page.setContent(`<style>
    @font-face { font-family: Arimo; src: url(data:font/woff2;base64,${font.toString('base64')}); }
    body { margin: 0; }
    #canvas { width: 1600px; height: 900px; }
  </style><div id="canvas"></div>`);
  await page.evaluate(() => document.fonts.load('12px Arimo'));
  return page;
}

/** The picture with stable ids and numbers, a margin, a white ground for dark pages, and a title. */
function tidy(svg, title) {
  const ids = [...svg.matchAll(/<marker id="([^"]+)"/g)].map(([, id]) => id);
  const [x, y, width, height] = frame(svg);
  const size = `width="${width}" height="${height}"`;
  return svg
    .replace(/width="[^"]+" height="[^"]+" viewBox="[^"]+"/,
      `${size} viewBox="${x} ${y} ${width} ${height}" role="img"`)
    .replace(/<svg[^>]*>/, (root) => `${root}\n<title>${escapeXml(title)}</title>\n` +
      `<rect x="${x}" y="${y}" ${size} rx="6" fill="white"/>`)
    .replace(new RegExp(ids.join('|') || '(?!)', 'g'), (id) => `arrow-${ids.indexOf(id) + 1}`)
    .replace(/<[^>]+>/g, (tag) => tag.replace(/-?\d+\.\d{3,}(?![\de])/g, round))
    .replace(/<g[ >]/g, '\n$&')
    .concat('\n');
}

/** What the picture shows: the drawing and a margin, in whole numbers. */
function frame(svg) {
  const margin = 14;
  const [x, y, width, height] = svg.match(/viewBox="([^"]+)"/)[1].split(' ').map(Number);
  const [left, top] = [Math.floor(x - margin), Math.floor(y - margin)];
  return [left, top, Math.ceil(x + width + margin) - left, Math.ceil(y + height + margin) - top];
}

function round(number) {
  return String(Number(Number(number).toFixed(2)));
}

function escapeXml(text) {
  return text.replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign]);
}

async function writePng(svg, path) {
  const page = await openPage();
  try {
    await page.evaluate((content) => (document.body.innerHTML = content), svg.slice(svg.indexOf('<svg')));
    await mkdir(options.png, { recursive: true });
    await page.locator('svg').screenshot({ path });
  } finally {
    await page.context().close();
  }
}

async function write(path, svg) {
  await mkdir(options.pictures, { recursive: true });
  await writeFile(path, svg);
  console.log(`drew ${basename(path)}`);
}

async function compare(path, svg) {
  const committed = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (committed === svg) {
    console.log(`${basename(path)} is current`);
  } else {
    const state = committed === undefined ? 'is missing' : 'is not current';
    faults.push(`${basename(path)} ${state}: run tests/bpmn/render and commit the picture`);
  }
}
