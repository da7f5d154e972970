import { printable } from "../../core/errors.ts";
import type { HistoryStep } from "../../engine/images/history.ts";
import { humanAge } from "./duration.ts";
import { shortID } from "./image-id.ts";
import { humanSize } from "./size.ts";
import { renderTable } from "./table.ts";

export interface HistoryView {
  /** Ids and instructions are not cut. */
  readonly whole: boolean;
  /** Ages and units in place of times and bytes. */
  readonly human: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Characters of an instruction, with its ellipsis, in Docker's table. */
const INSTRUCTION_WIDTH = 45;

/** The table of `docker history`. */
export function renderHistory(steps: readonly HistoryStep[], view: HistoryView): string {
  const headings = ["IMAGE", view.human ? "CREATED" : "CREATED AT", "CREATED BY", "SIZE", "COMMENT"];
  const rows = steps.map((step) => {
    const { ID, CreatedSince, CreatedAt, CreatedBy, Size, Comment } = historyFields(step, view);
    return [ID, view.human ? CreatedSince : CreatedAt, printable(CreatedBy), Size, printable(Comment)];
  });
  return renderTable(headings, rows);
}

/** Ids alone, one a line. */
export function renderHistoryIDs(steps: readonly HistoryStep[], view: HistoryView): string {
  return steps.map((step) => `${historyFields(step, view).ID}\n`).join("");
}

/** The fields that Docker gives to templates, with its values. */
export function historyFields(step: HistoryStep, { whole, human, now }: HistoryView): Readonly<Record<Field, string>> {
  const instruction = step.createdBy.replaceAll("\t", " ");
  return {
    Comment: step.comment,
    CreatedAt: step.created?.replace(/\.\d+/, "") ?? "N/A",
    CreatedBy: whole ? instruction : ellipsis(instruction),
    CreatedSince: humanAge(step.created, now),
    ID: step.id === null ? "<missing>" : whole ? step.id : shortID(step.id),
    Size: human ? humanSize(step.size) : String(step.size),
  };
}

type Field = "Comment" | "CreatedAt" | "CreatedBy" | "CreatedSince" | "ID" | "Size";

function ellipsis(text: string): string {
  const characters = [...text];
  return characters.length <= INSTRUCTION_WIDTH ? text : `${characters.slice(0, INSTRUCTION_WIDTH - 1).join("")}…`;
}
