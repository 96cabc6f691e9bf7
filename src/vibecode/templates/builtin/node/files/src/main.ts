import { makeServer } from "./server.ts";

const port = Number(process.env.PORT ?? 3000);
makeServer().listen(port, "127.0.0.1", () => {
  console.log(`Listening on http://127.0.0.1:${port}`);
});
