/** Sizes as people read them: `812 B`, `12.3 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `0:07`, `12:30`, `1:02:03` */
export function formatDuration(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000));
  const seconds = String(total % 60).padStart(2, "0");
  const minutes = Math.floor(total / 60) % 60;
  const hours = Math.floor(total / 3600);
  return hours === 0 ? `${minutes}:${seconds}` : `${hours}:${String(minutes).padStart(2, "0")}:${seconds}`;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** `just now`, `5 min ago`, `3 h ago`, `12 d ago`, then the day. */
export function formatAgo(time: string | null, nowMs = Date.now()): string {
  if (time === null) return "";
  const ms = nowMs - Date.parse(time);
  if (ms < 0) return formatAhead(time, -ms);
  if (ms < minuteMs) return ms < 5000 ? "just now" : `${Math.floor(ms / 1000)} s ago`;
  if (ms < hourMs) return `${Math.floor(ms / minuteMs)} min ago`;
  if (ms < dayMs) return `${Math.floor(ms / hourMs)} h ago`;
  if (ms < 30 * dayMs) return `${Math.floor(ms / dayMs)} d ago`;
  return formatTime(time).slice(0, 10);
}

function formatAhead(time: string, ms: number): string {
  if (ms < minuteMs) return "just now";
  if (ms < hourMs) return `in ${Math.round(ms / minuteMs)} min`;
  if (ms < 2 * dayMs) return `in ${Math.round(ms / hourMs)} h`;
  if (ms < 100 * dayMs) return `in ${Math.round(ms / dayMs)} d`;
  return formatTime(time).slice(0, 10);
}

/** Local time: `2026-11-21 14:03:22` */
export function formatTime(time: string): string {
  const date = new Date(time);
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `1 file`, `3 files` */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
