// <form data-passkey="get|create" data-options="{…}"> asks the authenticator first and sends what it answered in its
// field `credential`. With `data-options-from` the options are fetched when the button is pressed.
export function passkeys(root) {
  root.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.passkey || form.elements.credential.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const button = event.submitter;
    try {
      form.elements.credential.value = JSON.stringify(await answer(form));
    } catch (problem) {
      return tell(form, problem);
    }
    form.requestSubmit(button);
  });
}

async function answer(form) {
  const options = await wanted(form);
  const [parse, ask] =
    form.dataset.passkey === "create"
      ? [PublicKeyCredential.parseCreationOptionsFromJSON, "create"]
      : [PublicKeyCredential.parseRequestOptionsFromJSON, "get"];
  const credential = await navigator.credentials[ask]({ publicKey: parse.call(PublicKeyCredential, options) });
  return credential.toJSON();
}

async function wanted(form) {
  if (form.dataset.options) return JSON.parse(form.dataset.options);
  const found = await fetch(form.dataset.optionsFrom, { headers: { Accept: "application/json" } });
  if (!found.ok) throw new Error(`the server answered ${found.status}`);
  return (await found.json()).request_options.publicKey;
}

function tell(form, problem) {
  const place = form.querySelector("[data-passkey-problem]");
  const cancelled = problem.name === "NotAllowedError";
  place.textContent = cancelled ? "Nothing was confirmed: the passkey was not used." : `The passkey could not be used: ${problem.message}`;
  place.hidden = false;
}
