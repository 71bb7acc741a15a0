// The verify page: files are read here, judged here and shown here. There is no address in this file to send them to, and
// the policy of the page allows no connection, no form and no picture. The page judges nothing itself: it starts this
// very file once more as a worker, so that it stays awake and nothing else has to be fetched or trusted.
import { open } from "./verify-page.ts";
import { serve } from "./verify-worker.ts";

if (typeof document === "undefined") serve();
else open(document.currentScript as HTMLScriptElement);
