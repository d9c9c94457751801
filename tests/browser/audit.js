// What is wrong with a page, in sentences: landmarks, headings, tables, fields, drawings, ids, and how wide it is.
() => {
  const wrong = [];
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const told = (element) => element.outerHTML.slice(0, 120);
  const text = (element) => (element?.textContent ?? "").trim();
  const named = (element) =>
    (element.getAttribute("aria-label") ?? "").trim() ||
    (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => text(document.getElementById(id))).join("").trim() ||
    (element.labels?.length ? text(element.labels[0]) : "");
  const only = (selector, count) => {
    const found = all(selector).length;
    if (found !== count) wrong.push(`${found} of ${selector}`);
  };

  const isFile = document.body.classList.contains("file");
  only("main", 1);
  only("h1", 1);
  if (!isFile) only("header.rail nav[aria-label]", 1);
  if (!document.title || document.documentElement.lang !== "en") wrong.push("no title or language");

  let level = 0;
  for (const heading of all("main :is(h1, h2, h3, h4)").filter((each) => each.checkVisibility())) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) wrong.push(`after h${level} comes ${told(heading)}`);
    if (!text(heading)) wrong.push(`empty: ${told(heading)}`);
    level = own;
  }
  for (const table of all("table")) {
    if (!text(table.caption) && !named(table)) wrong.push(`no caption: ${told(table)}`);
    if (!all("th", table).length) wrong.push(`no headers: ${told(table)}`);
    for (const head of all("th", table)) {
      if (!["col", "row"].includes(head.scope)) wrong.push(`no scope: ${told(head)}`);
      if (!text(head)) wrong.push(`empty: ${told(head)} of ${text(table.caption)}`);
    }
  }
  for (const field of all("input:not([type=hidden]), select, textarea")) {
    if (!named(field)) wrong.push(`no label: ${told(field)}`);
  }
  for (const one of all("a[href], button, summary")) {
    if (!text(one) && !named(one) && !one.closest("svg")) wrong.push(`says nothing: ${told(one)}`);
  }
  for (const drawing of all("[role=img], img, nav, article, aside, audio")) {
    if (!named(drawing) && !drawing.getAttribute("alt") && !drawing.closest("[hidden]") && !drawing.hidden) {
      wrong.push(`no name: ${told(drawing)}`);
    }
  }
  for (const drawing of all("svg")) {
    if (!drawing.closest("[aria-hidden=true], [role=img]")) wrong.push(`neither named nor hidden: ${told(drawing)}`);
  }
  for (const name of ["aria-labelledby", "aria-describedby", "aria-controls", "for"]) {
    for (const each of all(`[${name}]`)) {
      for (const id of each.getAttribute(name).split(" ")) {
        if (!document.getElementById(id)) wrong.push(`${name} of nothing: ${told(each)}`);
      }
    }
  }
  const ids = all("[id]").map((each) => each.id);
  for (const id of new Set(ids.filter((id, place) => ids.indexOf(id) !== place))) wrong.push(`twice: #${id}`);
  return wrong;
}
