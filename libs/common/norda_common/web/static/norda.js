// What makes the pages handier with scripts. Every page works without this file.
(() => {
  "use strict";

  // After a page has come, keyboard and screen reader start at what matters: errors first, then messages.
  const start = document.querySelector("[data-norda-errors]") ?? document.querySelector("#meldungen:not(:empty)");
  if (start && !location.hash) start.focus();

  // On narrow screens the header folds behind one button, which without scripts is not there.
  const header = document.querySelector(".norda-header");
  const menu = document.querySelector(".norda-menu-button");
  if (header && menu) {
    const fold = (closed) => {
      header.dataset.menu = closed ? "closed" : "open";
      menu.setAttribute("aria-expanded", String(!closed));
    };
    fold(true);
    menu.hidden = false;
    menu.addEventListener("click", () => fold(header.dataset.menu === "open"));
    header.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || header.dataset.menu !== "open" || menu.offsetParent === null) return;
      fold(true);
      menu.focus();
    });
  }

  // Asks again where a form or button says so; then keeps a second click from sending the form twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
    if (form.dataset.sent || (question && !window.confirm(question))) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (form.method === "post" && !event.defaultPrevented) {
      form.dataset.sent = "yes";
      setTimeout(() => delete form.dataset.sent, 5000); // A download leaves the page where it is.
    }
  }, true);

  // A link of the error summary goes to the field itself, ready to type.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-norda-errors] a[href^='#']");
    const field = link && document.getElementById(link.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.scrollIntoView({ block: "center" });
  });

  // Filters left empty do not belong into the address.
  document.addEventListener("htmx:config:request", (event) => {
    const { request } = event.detail.ctx;
    if (request.method !== "GET" || !(request.body instanceof FormData)) return;
    for (const [name, value] of [...request.body]) if (value === "") request.body.delete(name);
  });

  // Part of a page is replaced only by a page of the same kind. An error, or a sign-in that has run out, is shown by
  // the browser as a whole page.
  document.addEventListener("htmx:before:response", (event) => {
    const { request, response } = event.detail.ctx;
    if (response.status < 400 && !response.raw.redirected) return;
    event.preventDefault();
    location.assign(request.action);
  });
  document.addEventListener("htmx:error", (event) => {
    const { request } = event.detail.ctx ?? {};
    if (request?.method === "GET") location.assign(request.action);
  });

  // Nobody loses the place: a new page of a list is read from its start, and if the focused element went away with the
  // replaced part, the new part has the focus.
  document.addEventListener("htmx:after:swap", (event) => {
    const paged = event.detail.ctx.sourceElement?.matches("[data-norda-page]");
    if (paged || document.activeElement === document.body) document.getElementById("ergebnisse")?.focus();
  });
})();
