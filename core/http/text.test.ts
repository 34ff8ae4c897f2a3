import Fastify from "fastify";
import { expect, test } from "vitest";
import { refuseBrokenText, TextInvalidError } from "./text.ts";

function givenEcho() {
  const app = Fastify();
  refuseBrokenText(app);
  app.post("/echo/:name", async ({ params, query, body }) => ({ params, query, body }));
  app.setErrorHandler((error, _request, reply) =>
    reply
      .code(error instanceof TextInvalidError ? error.statusCode : 500)
      .send({ text: (error as Error).message }),
  );
  return app;
}

const half = String.raw`"\ud800"`;
const nul = String.raw`"a\u0000b"`;
test.each([
  ["the path", "/echo/a%00b", "{}"],
  ["the query", "/echo/a?b=%00", "{}"],
  ["the query", "/echo/a?%00=b", "{}"],
  ["the body", "/echo/a", `{"a":${nul}}`],
  ["the body", "/echo/a", `{"a":[{"b":[${half}]}]}`],
  ["the body", "/echo/a", `{${nul}:1}`],
  ["the body", "/echo/a", `[${half}]`],
])("a text in %s that PostgreSQL cannot store is refused: %s %s", async (where, url, payload) => {
  await using app = givenEcho();

  const reply = await app.inject({
    method: "POST",
    url,
    payload,
    headers: { "content-type": "application/json" },
  });

  expect([reply.statusCode, reply.json()]).toEqual([
    400,
    { text: `Cannot read ${where}: a text in it has a NUL character or half of a surrogate pair` },
  ]);
});

test("any other text goes through", async () => {
  await using app = givenEcho();
  const body = { "": "", "a\nb": ["\u{1F600}", "é", "\u0001", 5, null, true, { deep: "\uFFFF" }] };

  const reply = await app.inject({ method: "POST", url: "/echo/w%C3%A9b?q=%F0%9F%98%80", payload: body });

  expect(reply.json()).toEqual({ params: { name: "wéb" }, query: { q: "\u{1F600}" }, body });
});
