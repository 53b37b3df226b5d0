// A page of your own. The service hands its module to pages of this machine, and to its own.
const service = new URLSearchParams(location.search).get("service") ?? "127.0.0.1:8765";
const { connect } = await import(`http://${service}/realtime-mer.js`);

const show = (id, text) => { document.getElementById(id).textContent = text; };
const stream = connect(`ws://${service}`, { streams: ["estimates", "markers"] });

stream.addEventListener("estimate", ({ detail }) => {
  show("mood", detail.mood);
  document.getElementById("valence").value = detail.valence;
  document.getElementById("arousal").value = detail.arousal;
});
stream.addEventListener("link", ({ detail }) => show("link", `${detail.state} ${detail.reason}`));
stream.addEventListener("marker", ({ detail }) => {
  const item = document.createElement("li");
  item.textContent = `${detail.t ?? 0} s: ${detail.label}`;
  document.getElementById("markers").append(item);
});
document.getElementById("mark").addEventListener("click", () => stream.mark("from my page"));
