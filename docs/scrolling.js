// Arrow keys scroll what is wider than its place, so Tab has to stop there.
addEventListener("load", () => {
  for (const one of document.querySelectorAll("pre > code, .md-typeset__scrollwrap")) {
    if (one.scrollWidth > one.clientWidth) one.tabIndex = 0;
  }
});
