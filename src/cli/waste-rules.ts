import type { Waste } from "../engine/look/waste.ts";
import { parseSize } from "./render/size.ts";
import { usageError } from "./usage.ts";

/** A threshold of dive, or null where it is switched off. */
export interface WasteRules {
  readonly lowestEfficiency: number | null;
  readonly highestWastedBytes: number | null;
  readonly highestUserWastedPercent: number | null;
}

export interface RuleResult {
  readonly rule: keyof WasteRules;
  readonly status: "pass" | "fail" | "skip";
  readonly found: number;
  readonly threshold: number | null;
}

/** Those of dive, in its words. */
export const DEFAULT_RULES: Readonly<Record<keyof WasteRules, string>> = {
  lowestEfficiency: "0.9",
  highestWastedBytes: "disabled",
  highestUserWastedPercent: "0.1",
};

/** A rule passes where the threshold itself is found, as in dive. */
export function checkRules(rules: WasteRules, waste: Waste): RuleResult[] {
  const check = (rule: keyof WasteRules, found: number, isGood: (threshold: number) => boolean): RuleResult => {
    const threshold = rules[rule];
    return { rule, status: threshold === null ? "skip" : isGood(threshold) ? "pass" : "fail", found, threshold };
  };
  return [
    check("lowestEfficiency", waste.efficiency, (threshold) => waste.efficiency >= threshold),
    check("highestWastedBytes", waste.wastedBytes, (threshold) => waste.wastedBytes <= threshold),
    check("highestUserWastedPercent", waste.wastedUserPercent, (threshold) => waste.wastedUserPercent <= threshold),
  ];
}

/** From 0 to 1, or null for a word that switches the rule off. */
export function parseRatio(rule: string, text: string): number | null {
  if (isOff(text)) return null;
  const ratio = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (ratio >= 0 && ratio <= 1) return ratio;
  throw usageError(`--${rule}: expected a number from 0 to 1, or disabled, found "${text}"`);
}

export function parseBytes(text: string): number | null {
  if (isOff(text)) return null;
  return /^0+ ?b?$/i.test(text) ? 0 : parseSize(text);
}

function isOff(text: string): boolean {
  return ["", "disabled", "off", "false"].includes(text.trim().toLowerCase());
}
