// What somebody sees on a screen, and what would be in the way of somebody who sees or moves less.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Somebody before a screen. */
export class Visitor {
  /** Opens an empty page in this context. `axe` is the source of axe-core. */
  static async enter(context, { name, axe, screenshots }) {
    const visitor = new Visitor();
    Object.assign(visitor, { name, axe, screenshots });
    visitor.page = await context.newPage();
    visitor.requests = [];
    visitor.page.on('request', (request) => visitor.requests.push(request.resourceType()));
    visitor.page.on('response', (response) => {
      visitor.status = response.status();
    });
    visitor.violations = [];
    await visitor.page.exposeFunction('noteViolation', (rule) => visitor.violations.push(rule));
    await visitor.page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => noteViolation(event.violatedDirective));
    });
    return visitor;
  }

  async open(url) {
    await this.page.goto(url);
  }

  /** What is on the screen now. */
  async see(moment) {
    await this.page.waitForLoadState();
    await this.picture(moment);
    return {
      status: this.status,
      title: await this.page.title(),
      headings: await this.page.locator('h1').allTextContents(),
      text: await this.page.locator('main').innerText(),
      // Anything but documents would be something that the pages load.
      loaded: [...new Set(this.requests)],
      violations: this.violations,
      overflow: await this.page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth - clientWidth;
      }),
      background: await this.page.evaluate(() => getComputedStyle(document.body).backgroundColor),
      targets: await this.page.getByRole('button').evaluateAll((buttons) =>
        buttons.map((button) => Math.round(button.getBoundingClientRect().height)),
      ),
      ...(await this.examine()),
    };
  }

  /** Every rule of axe, the best practices too. What it cannot decide counts as a barrier. */
  async examine() {
    await this.page.evaluate(this.axe);
    const { violations, incomplete, passes } = await this.page.evaluate(() => axe.run());
    const names = (rules) => rules.map((rule) => rule.id);
    return { barriers: names([...violations, ...incomplete]), passed: names(passes) };
  }

  async picture(moment) {
    if (this.screenshots) {
      mkdirSync(this.screenshots, { recursive: true });
      const path = join(this.screenshots, `${this.name}-${this.status}-${moment}.png`);
      await this.page.screenshot({ path, fullPage: true });
    }
  }
}
