// A page of your own. The service hands its module to pages of this machine, and to its own.
// Open it as page.html, or with the link of a service elsewhere: page.html?service=HOST:PORT#token=…
const service = new URLSearchParams(location.search).get("service") ?? "127.0.0.1:8765";
const { connect, tokenFromFragment } = await import(`http://${service}/realtime-mer.js`);

const show = (id, text) => { document.getElementById(id).textContent = text; };
const stream = connect(`ws://${service}`, {
  streams: ["estimates", "markers"],
  token: tokenFromFragment(),
});

stream.addEventListener("estimate", ({ detail }) => {
  show("mood", detail.mood);
  document.getElementById("valence").value = detail.valence;
  document.getElementById("arousal").value = detail.arousal;
});
// lost: it tries again by itself; refused: it does not, since the token is wrong.
stream.addEventListener("link", ({ detail }) => show("link", `${detail.state} ${detail.reason}`));
stream.addEventListener("gap", ({ detail }) => {
  show("gap", detail.missed === null ? "the service was started anew"
    : `${detail.missed} estimates are missing`);
});
stream.addEventListener("marker", ({ detail }) => {
  const item = document.createElement("li");
  item.textContent = `${detail.t ?? 0} s: ${detail.label}`;
  document.getElementById("markers").append(item);
});
document.getElementById("mark").addEventListener("click", () => {
  if (!stream.mark("from my page")) show("link", "not set: there is no connection");
});
