// A target over HTTP/2 that refuses streams and says goodbye. It tells on standard output
// where it listens, and then of each stream what it did: processed ID ATTEMPT, or refused.
//
//	node hook.mjs refuse|goaway|both  CERTIFICATE KEY
import { readFileSync } from "node:fs";
import { constants, createSecureServer } from "node:http2";

const [mode, cert, key] = process.argv.slice(2);
const refuses = mode !== "goaway";
const leaves = mode !== "refuse";
let streams = 0;

const server = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) });
server.on("stream", (stream, headers) => {
  stream.on("error", () => {}); // what is refused has ended for us
  if (refuses && ++streams % 3 === 0) {
    console.log("refused");
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
    return;
  }
  const session = stream.session;
  stream.resume();
  stream.on("end", () => {
    console.log(`processed ${headers["callout-delivery-id"]} ${headers["callout-attempt"]}`);
    stream.respond({ ":status": 200, "content-type": "application/json" });
    stream.end("{}");
    if (leaves && !session.closed) session.close(); // GOAWAY, and what it has taken is answered
  });
});
server.on("sessionError", () => {});
server.listen(0, "127.0.0.1", () => console.log(`http2 127.0.0.1:${server.address().port}`));
process.stdin.on("end", () => process.exit()).resume(); // who started it has ended
