// <button data-copies="text"> copies it and says so to everyone.
export function copying(root) {
  root.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copies]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copies);
    root.getElementById("said").textContent = "Copied";
  });
}
