// A small single-page app: what it does matters less than that it does it as real ones do.
const { customers } = JSON.parse(document.getElementById("bootstrap").textContent);
const view = document.getElementById("view");
const euro = new Intl.NumberFormat("en", { style: "currency", currency: "EUR", maximumFractionDigits: 0 });

class StarRating extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    const style = document.createElement("style");
    style.textContent = "button{font:20px system-ui;border:0;background:none;padding:2px;cursor:pointer;color:#b9c4ce}button[aria-pressed=true]{color:#c07a00}input{font:inherit;width:100%;box-sizing:border-box;margin-top:6px;padding:6px}";
    const group = document.createElement("div");
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", this.getAttribute("label"));
    for (let value = 1; value <= 5; value++) {
      const star = document.createElement("button");
      star.type = "button";
      star.textContent = "★";
      star.setAttribute("aria-label", `${value} of 5`);
      star.addEventListener("click", () => {
        [...group.children].forEach((other, at) => other.setAttribute("aria-pressed", String(at < value)));
      });
      group.append(star);
    }
    const remark = document.createElement("input");
    remark.placeholder = "Why?";
    remark.className = "remark";
    root.append(style, group, remark);
  }
}
customElements.define("star-rating", StarRating);

function show(template) {
  view.replaceChildren(document.getElementById(template).content.cloneNode(true));
  view.scrollTop = 0;
}

function list(filter = "") {
  show("list-view");
  const found = customers.filter(({ name, town }) => `${name} ${town}`.toLowerCase().includes(filter.toLowerCase()));
  view.querySelector(".count").textContent = `${found.length} of ${customers.length}`;
  for (const { id, name, town, state, value } of found) {
    const row = view.querySelector("tbody").insertRow();
    row.id = `row-${id}`;
    row.dataset.customer = id;
    row.className = `state-${state.toLowerCase()} ${id}`;
    const link = document.createElement("a");
    link.href = `/customers/${id}`;
    link.dataset.route = "";
    link.textContent = name;
    row.insertCell().append(link);
    row.insertCell().textContent = town;
    row.insertCell().textContent = state;
    const cell = row.insertCell();
    cell.className = "number";
    cell.textContent = euro.format(value);
  }
}

function detail(id) {
  const customer = customers.find((one) => one.id === id) ?? customers[0];
  show("detail-view");
  view.querySelector("h1").textContent = customer.name;
  document.title = `${customer.name} · Lindqvist CRM`;
  view.querySelector(".back").addEventListener("click", () => go("/"));
  const password = view.querySelector(".f-pass");
  view.querySelector(".reveal").addEventListener("click", () => {
    password.type = password.type === "password" ? "text" : "password";
  });
  view.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    toast("Saved");
  });
}

function other(title) {
  show("other-view");
  view.querySelector("h1").textContent = title;
}

function route() {
  const [first, second] = location.pathname.split("/").slice(1);
  if (first === "customers") detail(second);
  else if (first === "orders") other("Orders");
  else if (first === "report") other("Report");
  else list();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function go(path) {
  history.pushState(null, "", path);
  route();
}

function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.hidden = false;
  setTimeout(() => { box.hidden = true; }, 1500);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-route]");
  const row = event.target.closest("tr[data-customer]");
  if (link) {
    event.preventDefault();
    go(link.getAttribute("href"));
  } else if (row) go(`/customers/${row.dataset.customer}`);
});
addEventListener("popstate", route);

const find = document.querySelector(".find input");
find.addEventListener("input", () => {
  if (location.pathname !== "/") go("/");
  list(find.value);
});

const menuButton = document.getElementById("menu-button");
const menu = document.getElementById("menu");
const toggle = (open) => {
  menu.hidden = !open;
  menuButton.setAttribute("aria-expanded", String(open));
};
menuButton.addEventListener("click", () => toggle(menu.hidden));
menu.addEventListener("click", (event) => {
  toggle(false);
  toast(`${event.target.textContent}: done`);
});
addEventListener("keydown", (event) => { if (event.key === "Escape") toggle(false); });

document.getElementById("chat-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = document.getElementById("chat-input");
  if (!input.value) return;
  const line = document.createElement("li");
  const who = document.createElement("b");
  who.textContent = "You";
  line.append(who, ` ${input.value}`);
  document.getElementById("chat").append(line);
  input.value = "";
});

route();
