"use strict";
// Without this script the page is whole; with it, long tables are folded and can
// be filtered, and all tables can be sorted. It stands before the tables, so that
// what is folded is never laid out.
document.documentElement.classList.add("js");
addEventListener("DOMContentLoaded", () => {
	const value = (row, column) => {
		const cell = row.cells[column];
		return cell.dataset.s ?? cell.textContent;
	};
	const compare = (a, b) => {
		const x = Number(a), y = Number(b);
		if (a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y)) return x - y;
		return a < b ? -1 : a > b ? 1 : 0;
	};
	const sortable = table => {
		for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
			const button = document.createElement("button");
			button.type = "button";
			button.textContent = head.textContent;
			head.replaceChildren(button);
			button.addEventListener("click", () => {
				// Amounts are looked at from the largest down, names from A on.
				const first = head.classList.contains("n") ? "descending" : "ascending";
				const second = first === "descending" ? "ascending" : "descending";
				const order = head.getAttribute("aria-sort") === first ? second : first;
				for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
				head.setAttribute("aria-sort", order);
				const sign = order === "ascending" ? 1 : -1;
				const body = table.tBodies[0];
				const rows = [...body.rows].map(row => [value(row, column), row]);
				rows.sort((a, b) => sign * compare(a[0], b[0]));
				body.append(...rows.map(pair => pair[1]));
			});
		}
	};
	const filterable = table => {
		const rows = [...table.tBodies[0].rows];
		const bar = document.createElement("div"), label = document.createElement("label"), input = document.createElement("input"), count = document.createElement("span");
		bar.className = "filter";
		input.type = "search";
		input.autocomplete = "off";
		input.spellcheck = false;
		label.append("Filter ", input);
		count.setAttribute("role", "status");
		bar.append(label, count);
		if (table.caption) table.caption.append(bar);
		else table.parentElement.before(bar);
		let fold;
		if ("fold" in table.dataset) {
			fold = document.createElement("button");
			fold.type = "button";
			fold.className = "unfold";
			fold.textContent = `Show all ${rows.length} rows`;
			fold.dataset.print = `25 of ${rows.length} rows are printed.`;
			fold.addEventListener("click", () => {
				table.classList.add("open");
				fold.remove();
				fold = undefined;
				input.focus();
			});
			table.parentElement.after(fold);
		}
		let texts;
		input.addEventListener("input", () => {
			texts ??= new Map(rows.map(row => [row, [...row.cells].map(cell => cell.textContent).join(" ").toLowerCase()]));
			const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
			let shown = 0;
			for (const row of rows) {
				row.hidden = !words.every(word => texts.get(row).includes(word));
				if (!row.hidden) shown++;
			}
			count.textContent = words.length ? `${shown} of ${rows.length}` : "";
			table.classList.toggle("open", words.length > 0 || !fold);
			if (fold) fold.hidden = words.length > 0;
		});
	};
	for (const pre of document.querySelectorAll(".todo li > pre")) {
		const button = document.createElement("button");
		button.type = "button";
		button.className = "copy";
		button.textContent = "Copy";
		button.addEventListener("click", async () => {
			// Over plain http there is no clipboard: then the command is selected.
			getSelection().selectAllChildren(pre);
			try {
				await navigator.clipboard.writeText(pre.textContent);
				button.textContent = "Copied";
			} catch {
				button.textContent = "Selected";
			}
		});
		pre.after(button);
	}
	const packages = [...document.querySelectorAll(".package")];
	if (packages.length > 0) {
		const label = document.createElement("label"), input = document.createElement("input"), list = document.createElement("datalist");
		label.className = "find";
		input.type = "search";
		list.id = "find-packages";
		input.setAttribute("list", list.id);
		const names = new Map(packages.map(section => [section.querySelector("h3").textContent, section.id]));
		input.addEventListener("focus", () => {
			if (list.childElementCount === 0) list.append(...[...names.keys()].map(name => new Option(name)));
		});
		input.addEventListener("change", () => {
			const wanted = input.value.trim();
			const name = names.has(wanted) ? wanted : [...names.keys()].find(name => wanted && name.includes(wanted));
			if (name) location.hash = "#" + names.get(name);
		});
		label.append("Find a package ", input, list);
		document.querySelector("nav").append(label);
	}
	for (const table of document.querySelectorAll(".scroll > table")) {
		sortable(table);
		if ("filter" in table.dataset) filterable(table);
	}
});
