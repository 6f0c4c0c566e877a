// Shows the description of the place this page came from. Nothing is fetched from anywhere else.
"use strict";

const here = new URL(".", location.href).href.replace(/\/$/, "");
const dark = matchMedia("(prefers-color-scheme: dark)");

function followColours() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

// Operations are tried out where this page came from (a port-forward, for example), unless another server is chosen.
function servedFromHere(spec) {
  const others = (spec.servers || []).filter((server) => server.url !== here);
  return { ...spec, servers: [{ url: here }, ...others] };
}

// Whoever signs in on this page is signed in on this page.
function keepToken(answer) {
  try {
    const token = JSON.parse(answer.text).access_token;
    if (answer.ok && token) window.ui.preauthorizeApiKey("bearer", token);
  } catch {
    // Not an answer with a token.
  }
  return answer;
}

async function show() {
  const answer = await fetch("openapi.json");
  if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
  window.ui = SwaggerUIBundle({
    dom_id: "#docs",
    spec: servedFromHere(await answer.json()),
    presets: [SwaggerUIBundle.presets.apis],
    validatorUrl: null,
    deepLinking: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    syntaxHighlight: { activated: true, theme: "idea" },
    responseInterceptor: keepToken,
  });
}

followColours();
dark.addEventListener("change", followColours);
show().catch((error) => {
  document.querySelector("#docs").textContent = `The description could not be loaded (${error.message}).`;
});
