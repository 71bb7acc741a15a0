// A form that writes is sent once: the pressed button says what is going on and takes no second press.
export function once(root) {
  root.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.target.method !== "post" || !button) return;
    if (event.target.dataset.sent) return event.preventDefault();
    event.target.dataset.sent = "yes";
    button.setAttribute("aria-busy", "true");
    if (button.dataset.busy) button.textContent = button.dataset.busy;
  });
  // Back from the browser's page cache: the page is live again, so are its buttons.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}
