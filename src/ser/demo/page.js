// Of the answer: a click plays a part, or from where it is; a line shows what is heard. `element` is Gradio's.
element.setAttribute("aria-live", "polite");
document.documentElement.lang = navigator.language;

let until = Infinity;

const show = () => {
  const audio = element.querySelector("audio");
  if (!audio) return;
  if (audio.currentTime >= until) audio.pause();
  const now = audio.currentTime;
  const duration = Number(element.querySelector("[data-duration]").dataset.duration);
  const cursor = element.querySelector(".cursor");
  cursor.hidden = false;
  cursor.style.left = `${(100 * Math.min(now, duration)) / duration}%`;
  for (const part of element.querySelectorAll("[data-start]"))
    part.classList.toggle("now", !audio.paused && part.dataset.start <= now && now < part.dataset.end);
  if (!audio.paused) requestAnimationFrame(show);
};

const play = (start, end) => {
  const audio = element.querySelector("audio");
  until = end;
  audio.currentTime = start;
  audio.play().then(show, () => {});  // refused: another click came before it began
};

element.addEventListener("click", (event) => {
  const part = event.target.closest("[data-start]");
  const track = event.target.closest(".seek");
  if (part) play(Number(part.dataset.start), Number(part.dataset.end));
  else if (track) {
    const { left, width } = track.getBoundingClientRect();
    const duration = Number(element.querySelector("[data-duration]").dataset.duration);
    play((duration * (event.clientX - left)) / width, Infinity);
  }
});

// These do not bubble, but are captured.
for (const name of ["play", "pause", "seeked"]) element.addEventListener(name, show, true);
element.addEventListener("pause", () => { until = Infinity; }, true);

// A file that is too large is refused before it is sent; the server would refuse it too, in Gradio's words.
const refuse = (event) => {
  const file = (event.target.files ?? event.dataTransfer?.files)?.[0];
  if (!file || file.size <= props.max_bytes) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const texts = props.too_large;
  props.value = texts[navigator.languages.map((name) => name.split("-")[0]).find((name) => name in texts) ?? "en"];
};
for (const name of ["change", "drop"]) document.addEventListener(name, refuse, true);
