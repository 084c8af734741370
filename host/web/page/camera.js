// Takes a picture with the device's camera.
import { button, el } from "./dom.js";
import { openDialog } from "./dialog.js";

// A File, or null if the user thinks better of it or there is no camera.
export async function takePicture() {
  let stream = null;
  const note = el("p", { class: "muted", role: "status" }, "Asking for the camera …");
  const video = el("video", { autoplay: true, playsinline: true,
                                "aria-label": "What the camera sees" });
  video.muted = true;
  const shoot = button("Take the picture", { symbol: "camera", kind: "primary", disabled: true });
  const dialog = openDialog("Camera", { class: "camera" }, video, note,
                            el("div", { class: "dialog-actions" }, shoot));
  try {
    stream = await navigator.mediaDevices.getUserMedia(
      { video: { facingMode: "environment", width: { ideal: 1280 } } });
    if (dialog.closed) return null;
    video.srcObject = stream;
    await video.play();
    note.textContent = "";
    shoot.disabled = false;
    shoot.focus();
  } catch (error) {
    note.textContent = error.name === "NotAllowedError"
      ? "The browser was not allowed to use the camera."
      : `There is no camera to use (${error.message}).`;
  }
  const shot = new Promise((resolve) => {
    shoot.addEventListener("click", () => {
      const canvas = el("canvas", { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob((blob) => resolve(new File([blob], "camera.png", { type: "image/png" })));
    });
  });
  const result = await Promise.race([shot, dialog.ended.then(() => null)]);
  for (const track of stream?.getTracks() ?? []) track.stop();
  dialog.close();
  return result;
}
