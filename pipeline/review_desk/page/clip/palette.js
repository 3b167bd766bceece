// Colours of what is drawn; the same meaning has the same colour in the timeline, the plots and the texts (clip.css).

export const COLOURS = {
  ink: "#1d2733",
  faint: "#6b7785",
  line: "#dde3ea",
  back: "#ffffff",
  band: "#f5f7fa",
  reject: "#c62828",
  warn: "#d97b00",
  accept: "#2e7d32",
  accent: "#1a5fb4",
  left: "#1a5fb4",
  right: "#8a3ab9",
  edited: "#e0a800",
  flight: "#5b9bb5",
  letGo: "#a0642c",
  stance: "#9aa7b5",
  outside: "rgba(40, 50, 62, 0.16)",
  ghost: "#ff4fa3",
};

export const severityColour = (severity) => (severity === "reject" ? COLOURS.reject : COLOURS.warn);
