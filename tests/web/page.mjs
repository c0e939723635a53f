// SPDX-License-Identifier: BSD-2-Clause
// What the page of --html does in a browser. Usage: node page.mjs PLAYWRIGHT DIR, where make_page has written its
// pages into DIR; says what it found in TAP. Or node page.mjs PLAYWRIGHT PAGE.html PICTURE.png: a
// picture of that page.
import { createRequire } from 'node:module';
import { existsSync, statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [playwright, where, picture] = process.argv.slice(2);
const { chromium } = createRequire(import.meta.url)(playwright);
const executablePath = process.env.CHROMIUM
	|| ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const url = name => pathToFileURL(name).href;

if (picture) {
	const page = await browser.newPage({ viewport: { width: 1100, height: 1000 }, colorScheme: 'light' });
	await page.goto(url(where));
	await page.locator('details.trial.failed').first().evaluate(d => { d.open = true; });
	await page.screenshot({ path: picture });
	await browser.close();
	console.log(`${picture}: ${statSync(picture).size} bytes`);
	process.exit(0);
}

let n = 0;
let failed = 0;
let contexts = [];

// What a page asks for and complains of is watched from the beginning.
async function opened(name, options = {}) {
	const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
	contexts.push(context);
	const page = await context.newPage();
	const trouble = [];
	page.on('console', m => trouble.push(`console: ${m.text()}`));
	page.on('pageerror', e => trouble.push(`error: ${e.message}`));
	page.on('request', r => { if (r.url() !== page.asked) trouble.push(`request: ${r.url()}`); });
	page.asked = url(`${where}/${name}`);
	page.trouble = trouble;
	await page.goto(page.asked);
	return page;
}

async function test(name, what) {
	n++;
	try {
		await what();
		console.log(`ok ${n} - ${name}`);
	} catch (e) {
		failed++;
		console.log(`not ok ${n} - ${name}`);
		console.log(String(e.stack || e).replace(/^/gm, '# '));
	}
	await Promise.all(contexts.map(c => c.close()));
	contexts = [];
}

// Playwright's own waitForFunction() evaluates a string in the page, which the page's policy refuses.
async function until(what, words) {
	for (const end = Date.now() + 30000; Date.now() < end;) {
		if (await what())
			return;
		await new Promise(done => setTimeout(done, 20));
	}
	throw new Error(`not within 30 s: ${words}`);
}

function same(is, should, of = '') {
	if (JSON.stringify(is) !== JSON.stringify(should))
		throw new Error(`${of}: ${JSON.stringify(is)}, not ${JSON.stringify(should)}`);
}

function is(truth, of) {
	if (!truth)
		throw new Error(of);
}

// WCAG 2.1's contrast of each element's text with what is painted below it.
const contrasts = page => page.evaluate(() => {
	const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
	const rgba = css => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = css;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const light = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map(c => {
			c /= 255;
			return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
		});
		return 0.2126 * x + 0.7152 * y + 0.0722 * z;
	};
	const below = e => {
		for (; e; e = e.parentElement) {
			const c = rgba(getComputedStyle(e).backgroundColor);
			if (c[3] === 255)
				return c;
		}
		return [255, 255, 255];
	};
	const low = [];
	let seen = 0;
	for (const e of document.querySelectorAll('body *')) {
		const text = [...e.childNodes].some(c => c.nodeType === 3 && c.data.trim());
		if (!text || e.closest('script, style, .skip') || !e.getClientRects().length)
			continue;
		const [a, b] = [light(rgba(getComputedStyle(e).color)), light(below(e))];
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		seen++;
		if (ratio < 4.5)
			low.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
	}
	return { seen, low };
});

const openAll = page => page.evaluate(() => {
	document.querySelectorAll('details').forEach(d => { d.open = true; });
});
const visible = (page, selector) => page.locator(selector).evaluateAll(
	all => all.filter(e => e.checkVisibility({ contentVisibilityAuto: false })).length);
const shown = (page, id) => page.locator(`#${id}`).evaluate(d => d.open);

await test('the page opens without an error and asks for nothing', async () => {
	const page = await opened('trials.html');
	await openAll(page);
	same(page.trouble, []);
});

await test('what a module says stays text, wherever it stands', async () => {
	const page = await opened('trials.html');
	await openAll(page);
	const found = await page.evaluate(() => ({
		owned: window.owned,
		scripts: document.scripts.length,
		images: document.images.length,
		handlers: document.querySelectorAll('[onerror], [onclick], [onload]').length,
		links: [...document.links].filter(a => !a.getAttribute('href').startsWith('#')).length,
		// The log, the advice, the source and all others have it word by word.
		told: document.body.innerText.split('<script>window.owned=1</script>').length - 1,
	}));
	is(found.told > 20, `the words are there ${found.told} times`);
	same({ ...found, told: 0 },
		{ scripts: 1, images: 0, handlers: 0, links: 0, told: 0 });
});

await test('a script that got in all the same would not be run', async () => {
	const page = await opened('trials.html');
	await page.evaluate(() => {
		const s = document.createElement('script');
		s.textContent = 'window.owned = 1';
		document.body.append(s);
	});
	same(await page.evaluate(() => window.owned), undefined);
	is(page.trouble.some(t => /Content.Security.Policy/i.test(t)), 'the policy refused it');
});

await test('each verdict is a word and not a colour alone', async () => {
	const page = await opened('trials.html');
	const words = await page.locator('.matrix .badge').allInnerTexts();
	same(words, ['✗ crash', '✓ pass', '! error', '– skipped', '… not run']);
});

await test('every trial is reached with Tab and opened with Enter', async () => {
	const page = await opened('trials.html');
	const reached = new Set();
	for (let i = 0; i < 60; i++) {
		await page.keyboard.press('Tab');
		const at = await page.evaluate(() => {
			const e = document.activeElement;
			const d = e.matches('details.trial > summary') && e.parentElement;
			const style = getComputedStyle(e);
			const seen = e.matches('.skip') || style.outlineStyle !== 'none';
			return { id: d ? d.id : '', seen, what: e.outerHTML.slice(0, 80) };
		});
		is(at.seen || at.what.startsWith('<body'), `the focus can be seen at ${at.what}`);
		if (!at.id || reached.has(at.id))
			continue;
		reached.add(at.id);
		await page.keyboard.press('Enter');
		is(await shown(page, at.id), `${at.id} is open`);
		await page.keyboard.press('Enter');
		is(!await shown(page, at.id), `${at.id} is closed again`);
	}
	same([...reached], ['t0', 't1', 't2', 't3']);
});

await test('the first Tab leads past the head of the page', async () => {
	const page = await opened('trials.html');
	await page.keyboard.press('Tab');
	await page.keyboard.press('Enter');
	same(await page.evaluate(() => document.activeElement.id), 'main');
});

await test('Enter on a cell opens its trial and goes there', async () => {
	const page = await opened('trials.html');
	await page.locator('.matrix a').first().focus();
	await page.keyboard.press('Enter');
	await until(() => page.evaluate(() => document.activeElement.parentElement.id === 't0'), 't0 is at hand');
	is(await shown(page, 't0'), 'it is open');
});

await test('landmarks, headings and table heads say what is where', async () => {
	const page = await opened('trials.html');
	await openAll(page);
	const found = await page.evaluate(() => ({
		landmarks: ['header', 'main', 'footer'].map(e => document.querySelectorAll(e).length),
		heads: document.querySelectorAll('h1').length,
		lang: document.documentElement.lang,
		tables: [...document.querySelectorAll('table')].every(
			t => t.querySelector('th[scope=col]') && t.querySelector('th[scope=row]')),
		unnamed: [...document.querySelectorAll('input')].filter(
			i => !i.labels.length || !i.labels[0].textContent.trim()).length,
		ids: [...document.querySelectorAll('[id]')].map(e => e.id)
			.filter((id, i, all) => all.indexOf(id) !== i),
	}));
	same(found, { landmarks: [1, 1, 1], heads: 1, lang: 'en', tables: true, unnamed: 0, ids: [] });
});

for (const theme of ['light', 'dark']) {
	await test(`all text can be read, ${theme}: a contrast of 4.5 at least`, async () => {
		const page = await opened('trials.html', { colorScheme: theme });
		await openAll(page);
		const found = await contrasts(page);
		is(found.seen > 100, `${found.seen} texts were measured`);
		same(found.low, []);
	});
}

await test('the switch overrules what the system prefers, and the text can still be read', async () => {
	const page = await opened('trials.html', { colorScheme: 'light' });
	const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
	const light = await paper();
	await page.locator('#theme-dark').check();
	is(await paper() !== light, 'it is dark');
	await openAll(page);
	same((await contrasts(page)).low, []);
	await page.emulateMedia({ colorScheme: 'dark' });
	await page.locator('#theme-light').check();
	same(await paper(), light);
});

for (const javaScriptEnabled of [true, false]) {
	await test(`a log is filtered by level, ${javaScriptEnabled ? 'with' : 'without'} a script`, async () => {
		const page = await opened('trials.html', { javaScriptEnabled });
		await page.locator('#t0 > summary').click();
		const log = '#t0 .log li';
		same(await visible(page, log), 16);
		await page.locator('#t0 input[value="4"]').check();
		same(await visible(page, log), 10);
		await page.locator('#t0 input[value="3"]').check();
		same(await visible(page, log), 8);
		await page.locator('#t0 input[value="7"]').check();
		same(await visible(page, log), 16);
	});
}

await test('without a script all of it opens, and nothing is offered that does not work', async () => {
	const page = await opened('trials.html', { javaScriptEnabled: false });
	same(await visible(page, 'button, #find'), 0);
	await page.locator('.matrix a').first().click();
	await page.locator('#in0').waitFor();
	is(await page.locator('#in0').isVisible(), 'a link of the table opens its trial');
	await page.locator('#theme-dark').check();
	await page.locator('input[name=which][value=bad]').check();
	same(await visible(page, 'details.trial'), 3);
});

await test('a finding shows the lines around it, but of no file outside the module', async () => {
	const page = await opened('trials.html');
	await openAll(page);
	same(await page.locator('.source').count(), 1);
	is(/2 int x;/.test(await page.locator('.source .here').innerText()), 'the line is marked');
	is(!(await page.content()).includes('root:x:'), 'a file of the system is not shown');
});

await test('stages, stack and times are charts and numbers', async () => {
	const page = await opened('trials.html');
	await openAll(page);
	same(await page.locator('#t0 .timeline rect').count(), 3);
	same(await page.locator('#t0 .stack rect').count(), 2);
	is((await page.locator('#t0 .timeline').innerText()).includes('700 ms'), 'the time stands there');
	is(await page.locator('.times .chart rect').count() >= 6, 'where the time went');
	const inside = await page.evaluate(() => [...document.querySelectorAll('.chart rect')].every(r => {
		const [a, b] = [r.getBoundingClientRect(), r.parentElement.getBoundingClientRect()];
		return a.width > 0 && a.left >= b.left - 1 && a.right <= b.right + 1;
	}));
	is(inside, 'no bar leaves its chart');
});

await test('trials are found by name', async () => {
	const page = await opened('trials.html');
	await page.locator('#find').fill('module1');
	same(await visible(page, 'details.trial'), 1);
	await page.locator('#find').fill('');
	same(await visible(page, 'details.trial'), 4);
});

await test('on paper everything is open, dark on light, and what is for the screen is not there', async () => {
	for (const javaScriptEnabled of [true, false]) {
		const page = await opened('trials.html', { javaScriptEnabled, colorScheme: 'dark' });
		await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
		same(await visible(page, '.tools, fieldset, .skip'), 0, 'tools');
		is(await page.locator('#t0 .log li').first().isVisible(), 'the log is there');
		const heights = await page.locator('details.trial > div').evaluateAll(
			all => all.map(e => e.getBoundingClientRect().height));
		is(heights.every(h => h > 20), `all are open: ${heights}`);
		const pdf = await page.pdf();
		is(pdf.length > 20000, `the paper has ${pdf.length} bytes`);
	}
});

await test('a narrow screen needs no scrolling sideways', async () => {
	const page = await opened('trials.html', { viewport: { width: 360, height: 700 } });
	await openAll(page);
	const [wide, window] = await page.evaluate(
		() => [document.documentElement.scrollWidth, innerWidth]);
	is(wide <= window, `${wide} of ${window} pixels`);
});

await test('a thousand trials are a page that can be used, and it says what it leaves out', async () => {
	const began = Date.now();
	const page = await opened('many.html');
	same(await page.locator('details.trial').count(), 1000);
	await page.locator('.matrix a').nth(907).click();
	await until(() => page.evaluate(() => document.activeElement.parentElement.id === 't907'), 't907 is at hand');
	const took = Date.now() - began;
	is(took < 60000, `it took ${took} ms`);
	is((await page.locator('header').innerText()).includes('more than 200 trials'), 'said in its head');
	is((await page.locator('#t1 .left-out').textContent()).includes('280 lines'), 'and in the log');
	const size = statSync(`${where}/many.html`).size;
	is(size < 20e6, `${size} bytes`);
	same(page.trouble, []);
});

await browser.close();
console.log(`1..${n}`);
process.exit(failed ? 1 : 0);
