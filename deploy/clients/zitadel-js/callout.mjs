// Runs callout dev in memory, from this repository, for tests.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = new URL("../../..", import.meta.url).pathname;

/** Starts callout dev; gives its address, and what stops it. */
export async function start() {
  const dir = mkdtempSync(join(tmpdir(), "callout-"));
  const program = join(dir, "callout");
  execFileSync("go", ["build", "-o", program, "./cmd/callout"], { cwd: root, stdio: "inherit" });
  const flags = ["--data", "", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--log-level", "warn"];
  const child = spawn(program, ["dev", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`callout dev ended with ${code}`)));
    createInterface({ input: child.stdout }).once("line", (line) => resolve(/http=(\S+)/.exec(line)[1]));
  });
  const stop = () =>
    new Promise((resolve) => {
      child.removeAllListeners("exit");
      child.once("exit", () => resolve(rmSync(dir, { recursive: true })));
      child.kill("SIGINT");
    });
  return { url, stop };
}
