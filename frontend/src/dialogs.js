// <button data-opens="id"> opens the <dialog id>; closing gives the focus back to whoever opened it.
export function open(id, root = document) {
  const dialog = root.getElementById(id);
  if (dialog && !dialog.open) dialog.showModal();
}

export function dialogs(root) {
  root.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-opens]");
    if (opener) open(opener.dataset.opens, root);
  });
}
