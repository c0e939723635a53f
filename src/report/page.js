/* SPDX-License-Identifier: BSD-2-Clause */
/* Conveniences: without them everything can be read, opened and filtered by level. */
'use strict';
(() => {
	const all = [...document.querySelectorAll('details.trial')];
	const one = id => document.getElementById(id);

	/* What a link leads to is opened, and takes the focus. */
	const follow = () => {
		const place = /^#in\d+$/.test(location.hash) && one(location.hash.slice(1));
		const trial = place && place.closest('details');
		if (!trial)
			return;
		trial.open = true;
		trial.hidden = false;
		trial.scrollIntoView();
		trial.querySelector('summary').focus({preventScroll: true});
	};
	addEventListener('hashchange', follow);
	document.addEventListener('click', e => {
		const a = e.target.closest('a[href^="#in"]');
		if (a && a.hash === location.hash)
			follow();
	});

	document.querySelectorAll('.js').forEach(e => { e.hidden = false; });
	one('open').addEventListener('click', () => all.forEach(t => { t.open = true; }));
	one('close').addEventListener('click', () => all.forEach(t => { t.open = false; }));
	one('find').addEventListener('input', e => {
		const words = e.target.value.toLowerCase().split(/\s+/);
		all.forEach(t => {
			const name = t.querySelector('summary').textContent.toLowerCase();
			t.hidden = !words.every(w => name.includes(w));
		});
	});

	/* The colours that were chosen are remembered where the browser lets a file do so. */
	const radios = [...document.querySelectorAll('input[name=theme]')];
	try {
		const kept = localStorage.getItem('kmodlab-theme');
		radios.forEach(r => { r.checked = kept ? r.value === kept : r.checked; });
		radios.forEach(r => r.addEventListener('change',
			() => localStorage.setItem('kmodlab-theme', r.value)));
	} catch { /* then they are not */ }

	/* On paper all is open. */
	let shut = [];
	addEventListener('beforeprint', () => {
		shut = [...document.querySelectorAll('details:not([open])')];
		shut.forEach(d => { d.open = true; });
	});
	addEventListener('afterprint', () => shut.forEach(d => { d.open = false; }));
	follow();
})();
