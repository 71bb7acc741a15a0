// A real OpenID Connect provider on localhost (the certified package oidc-provider) for the tests of sign-in. Only its
// login page is ours: it asks who comes, and how and when they say they proved it.
//   node oidc_provider.mjs PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI
import { createServer } from "node:http";

import { Provider } from "../frontend/node_modules/oidc-provider/lib/index.js";

const [port, clientId, secret, redirect] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;

const provider = new Provider(issuer, {
  clients: [
    { client_id: clientId, client_secret: secret, redirect_uris: [redirect], token_endpoint_auth_method: "client_secret_basic" },
  ],
  claims: { openid: ["sub", "acr", "amr", "auth_time"], profile: ["name"], email: ["email", "email_verified"] },
  acrValues: ["urn:test:strong", "urn:test:weak"],
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: id, email: `${id}@a.test`, email_verified: true }),
  }),
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope("openid profile email");
    await grant.save();
    return grant;
  },
});

const page = `<!doctype html><html lang="en"><title>The organisation</title><h1>The organisation</h1><form method="post">
<label>Who <input name="who" autofocus required></label><label>Methods <input name="amr"></label>
<label>Class <input name="acr"></label><label>Seconds ago <input name="ago" value="0"></label><button>Sign in</button></form></html>`;

const form = async (request) => {
  let body = "";
  for await (const part of request) body += part;
  return new URLSearchParams(body);
};

createServer(async (request, response) => {
  if (!request.url.startsWith("/interaction/")) return provider.callback()(request, response);
  if (request.method === "GET") return response.setHeader("content-type", "text/html").end(page);
  const given = await form(request);
  const login = { accountId: given.get("who"), ts: Math.floor(Date.now() / 1000) - Number(given.get("ago")) };
  if (given.get("acr")) login.acr = given.get("acr");
  if (given.get("amr")) login.amr = given.get("amr").split(" ");
  return provider.interactionFinished(request, response, { login });
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));
