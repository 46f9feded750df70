// A day in the life of a TypeScript client: every call is checked against the types generated from openapi/kith-v1.json.
import createClient from "openapi-fetch";
import type { components, paths } from "./kith.js";

declare const process: { argv: string[] };

type Contact = components["schemas"]["Contact"];

const [, , baseUrl, apiKey] = process.argv;
if (!baseUrl || !apiKey) throw new Error("usage: scenario.js URL API-KEY");
const kith = createClient<paths>({ baseUrl, headers: { "x-api-key": apiKey } });

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** The data of an answer, or its problem as an error. */
function data<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

const organization = data(await kith.POST("/api/v1/organizations", { body: { name: "Analytical Engines" } }));
const contact: Contact = data(
  await kith.POST("/api/v1/contacts", {
    body: {
      firstName: "Ada",
      lastName: "Lovelace",
      emails: ["ada@example.com"],
      organizationIds: [organization.id],
      notes: "Met in *London*.",
    },
  }),
);
check(contact.version === 1, "a new record has version 1");
check(contact.organizationIds[0] === organization.id, "the link is there");

const path = { id: contact.id };
const updated = data(await kith.PUT("/api/v1/contacts/{id}", { params: { path }, body: { lastName: "King" } }));
check(updated.version === 2 && updated.lastName === "King" && updated.firstName === "Ada", "an update is partial");

const read = data(await kith.GET("/api/v1/contacts/{id}", { params: { path } }));
check(read.contact.lastName === "King" && Array.isArray(read.customColumns), "the update is read back");

const bad = await kith.POST("/api/v1/contacts", { body: { firstName: "" } });
check(bad.error !== undefined && bad.response.status === 400, "an empty name is refused");
check(bad.error.errors?.[0]?.pointer === "/firstName", "the problem points at the name");

const deleted: string = data(await kith.DELETE("/api/v1/contacts/{id}", { params: { path } }));
check(deleted === contact.id, "deleting answers the id");
const gone = await kith.GET("/api/v1/contacts/{id}", { params: { path } });
check(gone.response.status === 404 && gone.error?.status === 404, "what is deleted is gone");

console.log("typescript: created, linked, updated, read, refused, deleted");
