// Visits to the public pages, told by `run` where everything is. Prints what was seen; judges nothing.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Visitor } from './visitor.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tools: { type: 'string' },
    chromium: { type: 'string' },
    screenshots: { type: 'string', default: '' },
  },
});
const requireTool = createRequire(join(options.tools, 'package.json'));
const { chromium } = requireTool('playwright-core');
const axe = requireTool('axe-core').source;

const DESK = { viewport: { width: 1280, height: 800 }, colorScheme: 'light' };
const DESK_DARK = { ...DESK, colorScheme: 'dark' };
const PHONE = {
  viewport: { width: 375, height: 667 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
  colorScheme: 'light',
};
const PHONE_DARK = { ...PHONE, colorScheme: 'dark', reducedMotion: 'reduce' };
// A desk's screen at 400 %, as WCAG 1.4.10 asks.
const ZOOMED = { viewport: { width: 320, height: 256 }, colorScheme: 'light' };

const VISITS = { press, keyboard, double_click, without_script, press_late, look, refused };

const browser = await chromium.launch({ executablePath: options.chromium });
const seen = {};
try {
  for (const visit of positionals) {
    const [name, url] = split(visit);
    seen[name] = await VISITS[name](url, name);
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen, null, 2));

function split(visit) {
  const [name, ...url] = visit.split('=');
  if (!VISITS[name] || url.length === 0) {
    console.error(`no such visit: ${visit}`);
    process.exit(64);
  }
  return [name, url.join('=')];
}

async function press(url, name) {
  return inContext(DESK, name, async (visitor) => {
    await visitor.open(url);
    const link = await visitor.see('link');
    await visitor.page.getByRole('button').click();
    const thanks = await visitor.see('thanks');
    await visitor.page.reload();
    const reloaded = await visitor.see('reloaded');
    await visitor.page.goBack();
    const back = await visitor.see('back');
    return { link, thanks, reloaded, back };
  });
}

async function keyboard(url, name) {
  return inContext(PHONE_DARK, name, async (visitor) => {
    await visitor.open(url);
    await visitor.page.keyboard.press('Tab');
    const focus = await visitor.page.evaluate(describeFocus);
    const link = await visitor.see('focus');
    await Promise.all([
      visitor.page.waitForURL('**/thanks'),
      visitor.page.keyboard.press('Enter'),
    ]);
    const thanks = await visitor.see('thanks');
    return { focus, link, thanks };
  });
}

function describeFocus() {
  const focused = document.activeElement;
  const style = getComputedStyle(focused);
  return {
    text: focused.textContent,
    outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
  };
}

async function double_click(url, name) {
  return inContext(PHONE, name, async (visitor) => {
    await visitor.open(url);
    await visitor.page.getByRole('button').dblclick({ noWaitAfter: true });
    // Either press may win; the page with the button is left in any case.
    await visitor.page.getByRole('button').waitFor({ state: 'detached' });
    return { end: await visitor.see('end') };
  });
}

async function without_script(url, name) {
  const scriptless = { ...DESK, javaScriptEnabled: false };
  return inContext(scriptless, name, async ({ page }) => {
    await page.goto(url);
    await page.getByRole('button').click();
    await page.waitForURL('**/thanks');
    return { heading: await page.locator('h1').textContent() };
  });
}

async function press_late(url, name) {
  return inContext(PHONE, name, async (visitor) => {
    await visitor.open(url);
    for (let before = 0; before < 10; before += 1) {
      await visitor.page.request.post(url, { maxRedirects: 0 });
    }
    await visitor.page.getByRole('button').click();
    return { late: await visitor.see('late') };
  });
}

async function look(url, name) {
  const screens = { DESK, DESK_DARK, PHONE, PHONE_DARK, ZOOMED };
  const looks = {};
  for (const [screen, context] of Object.entries(screens)) {
    looks[screen.toLowerCase()] = await inContext(context, name, async (visitor) => {
      await visitor.open(url);
      return visitor.see(screen.toLowerCase());
    });
  }
  return looks;
}

async function refused(url, name) {
  return inContext(PHONE, name, async (visitor) => {
    await visitor.page.route('**/*', (route) => route.continue({ method: 'PUT' }));
    await visitor.open(url);
    return { refused: await visitor.see('refused') };
  });
}

async function inContext(context, name, visit) {
  const opened = await browser.newContext(context);
  try {
    return await visit(await Visitor.enter(opened, { name, axe, screenshots: options.screenshots }));
  } finally {
    await opened.close();
  }
}
