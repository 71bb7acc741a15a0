// The console's one bundle. htmx and its security extension are in it on purpose: as separate deferred files they
// race, and the extension then fails open.
import "htmx.org/dist/htmx.esm.js";
import "htmx.org/dist/ext/hx-csp.js";

import { copying } from "./copying.js";
import { dialogs } from "./dialogs.js";
import { keyboard } from "./keyboard.js";
import { once } from "./once.js";
import { passkeys } from "./passkeys.js";
import { times } from "./times.js";

// passkeys before once: a form is sent when the authenticator has answered
for (const start of [copying, dialogs, keyboard, passkeys, once, times]) start(document);
