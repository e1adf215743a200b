"""Search in the book without a network: a script that reads what stands in the page, and nothing else.

Without a script there is no field, and the browser's own search finds the same.
"""

from __future__ import annotations

SCRIPT = """
const contents = document.querySelector("nav.contents");
const place = contents.querySelector(".search"), chapters = contents.querySelector(".chapters");
place.innerHTML = '<label for="search">Search the book</label> <input type="search" id="search" autocomplete="off">' +
  '<p class="small muted" role="status"></p><ol class="found" hidden></ol>';
const field = place.querySelector("input"), said = place.querySelector("[role=status]"), list = place.querySelector("ol");
// V₂₂ is found as V22, and 2,2 in a formula however it is set.
const plain = text => text.normalize("NFKD").replace(/[\\u0300-\\u036f\\u2061-\\u2064\\s]+/g, " ").toLowerCase();
const searched = "section.row, section.chapter > section.code, section.lesson > section, #notation";
const parts = [...document.querySelectorAll(searched)]
  .filter(part => part.id || part.querySelector("[id]"))
  .map(part => {
    const heading = part.querySelector("h2, h3"), id = heading.querySelector(".id");
    const title = (id ? id.textContent + ": " : "") +
      [...heading.childNodes].filter(node => node !== id).map(node => node.textContent).join("");
    return {id: part.id || part.querySelector("[id]").id, title, text: plain(part.textContent)};
  });
const search = () => {
  const words = plain(field.value).split(" ").filter(Boolean);
  const hits = words.length ? parts.filter(part => words.every(word => part.text.includes(word))) : [];
  list.replaceChildren(...hits.map(hit => {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = "#" + hit.id; link.textContent = hit.title; item.append(link);
    return item;
  }));
  said.textContent = words.length ? (hits.length || "no") + (hits.length === 1 ? " place" : " places") : "";
  list.hidden = !hits.length; chapters.hidden = words.length > 0;
};
field.addEventListener("input", search);
field.addEventListener("keydown", event => {
  if (event.key === "Enter" && list.firstChild) location.hash = list.querySelector("a").hash;
  if (event.key === "Escape") { field.value = ""; search(); }
});
addEventListener("keydown", event => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && document.activeElement !== field) {
    event.preventDefault(); field.focus();
  }
});
// The part that is being read is marked in the contents.
const links = new Map([...chapters.querySelectorAll("a")].map(link => [link.hash.slice(1), link]));
const seen = new IntersectionObserver(entries => entries.forEach(entry => {
  if (!entry.isIntersecting || !links.has(entry.target.id)) return;
  links.forEach(link => link.removeAttribute("aria-current"));
  const link = links.get(entry.target.id);
  link.setAttribute("aria-current", "true");
  if (getComputedStyle(contents).position === "fixed") {
    const box = link.getBoundingClientRect();
    if (box.top < 0 || box.bottom > innerHeight) contents.scrollTop += box.top - innerHeight / 2;
  }
}), {rootMargin: "0px 0px -70% 0px"});
document.querySelectorAll("section[id]").forEach(part => seen.observe(part));
"""
