/** What a person does on the page, and what they see. Nothing here reaches behind it. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ElementHandle, Page } from 'puppeteer';

const timeout = 60_000;
const pollMs = 50;

export class Visitor {
  readonly page: Page;
  readonly #address: string;
  /** What the page failed with, and what its policy refused. */
  readonly errors: string[] = [];

  private constructor(page: Page, address: string) {
    this.page = page;
    this.#address = address;
    page.setDefaultTimeout(timeout);
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('dialog', (dialog) => {
      this.errors.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('console', (message) => message.type() === 'error' && this.errors.push(message.text()));
  }

  static async arrive(page: Page, address: string, query = ''): Promise<Visitor> {
    const visitor = new Visitor(page, address);
    await page.setViewport({ width: 1280, height: 800 });
    await visitor.goTo(query);
    return visitor;
  }

  async goTo(query = ''): Promise<void> {
    await this.page.goto(`${this.#address}${query}`);
    await this.see('#try');
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.see('#try');
  }

  /** Waits for an element, at most minutes. */
  async see(selector: string): Promise<ElementHandle<Element>> {
    return (await this.page.waitForSelector(selector)) as ElementHandle<Element>;
  }

  async until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + timeout;
    while (!(await isTrue())) {
      if (Date.now() > end) throw new Error(`${what}: not within ${timeout / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** Of the elements that are there, in order; trimmed. */
  texts(selector: string): Promise<string[]> {
    return this.page.$$eval(selector, (all) => all.map((each) => each.textContent.trim()));
  }

  async text(selector: string): Promise<string> {
    await this.see(selector);
    return (await this.texts(selector))[0]!;
  }

  async click(selector: string): Promise<void> {
    await this.page.bringToFront(); // tabs behind others draw nothing, and are not clicked
    await this.see(selector);
    await this.page.click(selector);
  }

  async write(selector: string, text: string): Promise<void> {
    await this.page.bringToFront();
    await this.see(selector);
    await this.page.$eval(selector, (element) => {
      const field = element as HTMLInputElement;
      field.focus();
      field.select();
    });
    await this.page.type(selector, text);
  }

  async tryPocket(): Promise<void> {
    await this.click('#try');
    await this.see('#question');
  }

  /** As far as its header. */
  async openLink(link: string): Promise<void> {
    await this.write('#link', link);
    await this.click('#open');
    await this.see('#verdict');
  }

  async openFiles(...paths: string[]): Promise<void> {
    await this.choose('#files', ...paths);
    await this.see('#verdict');
  }

  /** Files for a field that takes them. */
  async choose(selector: string, ...paths: string[]): Promise<void> {
    const input = (await this.page.waitForSelector(selector)) as ElementHandle<HTMLInputElement>;
    await input.uploadFile(...paths);
  }

  /** The text of the file that a click saves. */
  async downloaded(selector: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'webgguf-download-'));
    const session = await this.page.createCDPSession();
    await session.send('Page.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
    await this.click(selector);
    const files = async () => (await readdir(folder)).filter((name) => !name.endsWith('.crdownload'));
    await this.until('the download', async () => (await files()).length > 0);
    const text = await readFile(join(folder, (await files())[0]!), 'utf8');
    await rm(folder, { recursive: true });
    return text;
  }

  async openStored(): Promise<void> {
    await this.click('.list li button');
    await this.see('#verdict');
  }

  async load(): Promise<void> {
    await this.click('#load');
    await this.see('#question');
  }

  /** Asks, and does not wait. */
  async ask(question: string): Promise<void> {
    await this.write('#question', question);
    await this.page.keyboard.press('Enter');
  }

  /** The answer's text, as Markdown shows it. */
  async answerTo(question: string): Promise<string> {
    const before = (await this.texts('.question')).length;
    await this.ask(question);
    await this.until('the question', async () => (await this.texts('.question')).length > before);
    return this.answer();
  }

  /** The last answer, when it has come. */
  async answer(): Promise<string> {
    await this.until('an answer', async () => {
      const isThere = await this.page.$$eval('.log > article', (all) => all.at(-1)?.matches('.answer') ?? false);
      return isThere && (await this.page.$('#send')) !== null;
    });
    return (await this.texts('.answer .markdown')).at(-1)!;
  }

  /** What has come of the answer under way. */
  async coming(): Promise<string> {
    return (await this.texts('.answer[aria-busy="true"] .markdown'))[0] ?? '';
  }

  async set(field: string, value: string | number): Promise<void> {
    if (!(await this.page.$(`#${field}`))) await this.click('#show-sampling');
    await this.write(`#${field}`, String(value));
    await this.page.keyboard.press('Tab');
  }

  /** From now on, the device that the page's worker opens can be taken away. */
  async watchDevices(): Promise<void> {
    await this.page.workers()[0]!.evaluate(() => {
      const { requestDevice } = GPUAdapter.prototype;
      GPUAdapter.prototype.requestDevice = async function (this: GPUAdapter, ...args) {
        const device = await requestDevice.apply(this, args);
        (self as { lastDevice?: GPUDevice }).lastDevice = device;
        return device;
      };
    });
  }

  async loseDevice(): Promise<void> {
    await this.page.workers()[0]!.evaluate(() => (self as { lastDevice?: GPUDevice }).lastDevice?.destroy());
  }

  async dismissNotices(): Promise<void> {
    while (await this.page.$('.notice')) await this.click('.notice button');
  }

  async close(): Promise<void> {
    const context = this.page.browserContext();
    await this.page.close();
    if ((await context.pages()).length === 0) await context.close();
  }
}
