// Completion in filter boxes: a combobox with a list below it. Without this the box is an ordinary one.
const PAUSE_MS = 120;

// Places come and go in characters, as Python counts them; a box counts UTF-16 units.
const characters = (text, units) => Array.from(text.slice(0, units)).length;
const units = (text, count) => Array.from(text).slice(0, count).join("").length;

function combobox(input) {
  const list = document.createElement("ul");
  list.id = `${input.id}-candidates`;
  list.className = "candidates panel";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "What could follow");
  input.after(list);
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", list.id]]) {
    input.setAttribute(name, value);
  }

  let found = null;
  let chosen = -1;
  let timer = 0;
  let asking = null;

  function close() {
    clearTimeout(timer);
    asking?.abort();
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(number) {
    const options = list.children;
    if (chosen >= 0) options[chosen].setAttribute("aria-selected", "false");
    chosen = (number + options.length) % options.length;
    options[chosen].setAttribute("aria-selected", "true");
    options[chosen].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[chosen].id);
  }

  function option(candidate, number) {
    const item = document.createElement("li");
    item.id = `${list.id}-${number}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    const text = document.createElement("code");
    text.textContent = candidate.text;
    const help = document.createElement("span");
    help.textContent = candidate.help;
    item.append(text, " ", help);
    item.addEventListener("mousedown", (event) => {
      event.preventDefault();
      take(number);
    });
    return item;
  }

  function take(number) {
    const text = input.value;
    input.setRangeText(found.candidates[number].text, units(text, found.start), units(text, found.end), "end");
    close();
    ask();
  }

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const text = input.value;
    const cursor = characters(text, input.selectionStart ?? text.length);
    try {
      const answer = await fetch(`${input.dataset.completions}?${new URLSearchParams({ text, cursor })}`, { signal: asking.signal });
      if (!answer.ok) return close();
      found = await answer.json();
    } catch (error) {
      if (error.name !== "AbortError") close();
      return;
    }
    const typed = Array.from(text).slice(found.start, found.end).join("");
    if (text !== input.value || document.activeElement !== input || found.candidates.every((each) => each.text === typed)) return close();
    list.replaceChildren(...found.candidates.map(option));
    list.scrollTop = 0;
    chosen = -1;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    input.removeAttribute("aria-activedescendant");
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  }

  input.addEventListener("input", soon);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (list.hidden) {
      if (event.key === "ArrowDown") {
        event.preventDefault();
        ask();
      }
      return;
    }
    const taken = {
      ArrowDown: () => choose(chosen + 1),
      ArrowUp: () => choose(chosen < 0 ? -1 : chosen - 1),
      Escape: close,
      ...(chosen >= 0 && !event.shiftKey && { Enter: () => take(chosen), Tab: () => take(chosen) }),
    }[event.key];
    if (taken) {
      event.preventDefault();
      event.stopPropagation();
      taken();
    } else if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) {
      close();
    }
  });
}

document.querySelectorAll("input[data-completions]").forEach(combobox);
