// A box that scrolls is a stop on the way of the Tab key; one that has nothing to scroll is none.
const stops = () => document.querySelectorAll("pre, .table-wrapper, .formula, .toc-scroll, .sidebar-scroll").forEach(box => {
  if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
});
addEventListener("load", stops);
addEventListener("resize", stops);
