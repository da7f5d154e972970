import type { ApplyPool } from "../../layer/apply/pool.ts";
import type { TreeChange } from "../../layer/changes.ts";
import type { Stores } from "../stores.ts";
import * as tasks from "../tasks.ts";
import type { CommitOptions, CommittedImage } from "./commit-container.ts";
import type { ContainerFilters } from "./container-filter.ts";
import type { CreateContainerOptions, CreatedContainer } from "./create-container.ts";
import type { ContainerInspection } from "./inspect-container.ts";
import type { ContainerSummary } from "./list-containers.ts";
import type { RemoveContainerOptions } from "./remove-container.ts";

/** What an engine does with containers. A container is named by its name, its id, or the beginning of that. */
export interface ContainerTasks {
  /**
   * Makes a container of an image of the store, in the form that dockerd takes. It is there whole or not at all. Fails with
   * CONFLICT where the name is taken.
   */
  createContainer(image: string, options?: CreateContainerOptions): Promise<CreatedContainer>;
  /** Newest first; without `all` those that run. */
  containers(filters?: ContainerFilters): Promise<ContainerSummary[]>;
  inspectContainer(container: string): Promise<ContainerInspection>;
  /** Returns its id. Fails with CONFLICT while it runs, is mounted, or another call works on it. */
  removeContainer(container: string, options?: RemoveContainerOptions): Promise<string>;
  renameContainer(container: string, name: string): Promise<void>;
  /** What was changed in a container since it was made, as `docker diff` tells it; sorted by path. */
  diff(container: string): Promise<TreeChange[]>;
  /**
   * Makes an image of a container and what was changed in it, as `docker commit` does; it becomes visible when it is whole.
   * The same change gives the same layer, whatever the driver. A running container is not paused.
   */
  commit(container: string, options?: CommitOptions): Promise<CommittedImage>;
}

/** How the tasks reach the data root. */
export interface ContainerAccess {
  readonly reading: () => Promise<Stores>;
  readonly writing: () => Promise<Stores>;
  readonly pool: ApplyPool;
}

export function containerTasks({ reading, writing, pool }: ContainerAccess): ContainerTasks {
  return {
    createContainer: async (image, options = {}) => tasks.createContainer(await writing(), image, options),
    containers: async (filters) => tasks.summarizeContainers(await reading(), filters),
    inspectContainer: async (container) => tasks.inspectContainer(await reading(), container),
    removeContainer: async (container, options = {}) => tasks.removeContainer(await writing(), container, options),
    renameContainer: async (container, name) => tasks.renameContainer(await writing(), container, name),
    diff: async (container) => tasks.diffContainer(await reading(), container),
    commit: async (container, options = {}) => tasks.commitContainer(await writing(), container, pool, options),
  };
}
