"use strict";

const byId = (id) => document.getElementById(id);
// Each attempt at one order has this key: if the answer is lost and the button is pressed again, there is one order.
// crypto.randomUUID is there on localhost and 127.0.0.1.
let key = crypto.randomUUID();

function cell(row, text, kind) {
  const made = row.insertCell();
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

async function showMail(id) {
  const answer = await fetch(`/mails/${id}`);
  byId("mail").textContent = await answer.text();
  byId("mail").hidden = false;
}

function showOrders(orders) {
  byId("none").hidden = orders.length > 0;
  byId("orders").replaceChildren();
  for (const order of orders) {
    const row = byId("orders").insertRow();
    cell(row, order.id, "number");
    cell(row, order.email, "email");
    cell(row, `${order.quantity} × ${order.item}`);
    cell(row, (order.cents / 100).toFixed(2), "number");
    if (order.mail === "sent") {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "sent";
      button.addEventListener("click", () => showMail(order.id));
      cell(row, "").append(button);
    } else {
      cell(row, "waiting", "waiting");
    }
  }
}

let shown = "";

async function refresh() {
  try {
    const [orders, queue] = await Promise.all(["/orders", "/queue"].map(async (path) => (await fetch(path)).json()));
    for (const field of document.querySelectorAll("[data-state]")) field.textContent = queue[field.dataset.state];
    if (shown !== JSON.stringify(orders)) showOrders(orders);
    shown = JSON.stringify(orders);
  } catch {
    for (const field of document.querySelectorAll("[data-state]")) field.textContent = "–";
  }
}

async function watch() {
  await refresh();
  setTimeout(watch, 500);
}

byId("order").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const order = { email: form.get("email"), item: form.get("item"), quantity: Number(form.get("quantity")) };
  try {
    const answer = await fetch("/orders", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      body: JSON.stringify(order),
    });
    const said = await answer.json();
    if (answer.status < 500) key = crypto.randomUUID();
    if (answer.ok) {
      byId("answer").textContent = `Order ${said.id} is placed: ${(said.cents / 100).toFixed(2)}. A mail will tell you.`;
      await refresh();
    } else {
      byId("answer").textContent = typeof said.detail === "string" ? said.detail : "This order was not understood.";
    }
  } catch {
    byId("answer").textContent = "No answer. Press Order again: the order is placed once.";
  }
});

watch();
