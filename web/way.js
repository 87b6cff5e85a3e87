// @ts-check
/** A route's way in words: its venues, its kind, what ends its size. */
import { named } from "./words.js";

/** The way as its id has it: a venue and a currency at each step. @param {{id: string}} route */
export const nodesOf = ({ id }) =>
  id.slice(id.indexOf("|") + 1).split(">").map((node) => /** @type {[string, string]} */ (node.split(":")));

/** The venues on the way, each until the next. @param {{id: string}} route */
export const venuesOf = (route) =>
  nodesOf(route).map(([venue]) => venue).filter((venue, place, all) => venue !== all[place - 1]);

/** Kind, mode and currencies, in a few words. @param {Route} route */
export function kindOf(route) {
  const money = [route.currency, ...[route.buy, route.sell].map(({ symbol }) => symbol.split("-").at(-1))];
  const path = money.filter((currency, place) => money.indexOf(currency) === place).join("→");
  const mode = route.mode === "comparison" ? "" : ` · ${named("way", route.mode)}`;
  return `${named("kind", route.kind)}${mode} · ${path}`;
}

/** What keeps the size from being larger, in words. @param {Route} route */
export function limitOf(route) {
  const [what, leg] = route.limited_by.split(":");
  return what && named("limited", what).replace("{venue}", nodesOf(route)[Number(leg)]?.[0] ?? "");
}
