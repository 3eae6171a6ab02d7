// The editor: rich text by the browser's own means, saving by a promise.
for (const button of document.querySelectorAll("[data-command]")) {
  button.addEventListener("click", () => {
    document.querySelector(".editor").focus();
    document.execCommand(button.dataset.command);
  });
}
document.querySelector(".save").addEventListener("click", () => {
  document.getElementById("status").textContent = "Saved. Thank you.";
});
