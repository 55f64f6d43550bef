// The package under test, by its own name: what users import.
export * from "@callout-hq/sdk";
export { testKit } from "@callout-hq/sdk/testing";
