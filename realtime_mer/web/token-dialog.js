/** The dialog that asks for a token, on every page that a service may not let in. */

import { keepToken } from "./settings.js";

const FORM = `
  <form method="dialog">
    <h2 id="token-title">The service did not let this page in</h2>
    <p id="token-reason" role="alert"></p>
    <p></p>
    <p class="field"><label for="token">Token</label> <input id="token" type="password"
      autocomplete="off" maxlength="1024" required></p>
    <p class="buttons"><button value="connect" class="chief">Connect</button></p>
  </form>`;

/**
 * Put the dialog into this page. What is typed goes into its address, and the page begins anew.
 *
 * @param {string} link which link would have let its reader in, as in "that you were given"
 * @returns {function(?string=): void} what asks, and says why; without a reason only that it asks
 */
export function tokenDialog(link) {
  const dialog = document.createElement("dialog");
  dialog.id = "token-dialog";
  dialog.setAttribute("aria-labelledby", "token-title");
  dialog.innerHTML = FORM;
  const [reason, way] = dialog.querySelectorAll("p");
  const field = dialog.querySelector("input");
  way.textContent = `Open the link ${link}, or give its token here.`;
  dialog.addEventListener("close", () => {
    if (field.value === "") return;
    keepToken(field.value);
    location.reload();
  });
  document.body.append(dialog);
  return (said) => {
    reason.textContent = said === undefined ? "" : `It says: ${said || "wrong token or none"}.`;
    if (!dialog.open) dialog.showModal();
  };
}
