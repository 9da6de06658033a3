//! Instances of a cluster: how fleets and groups reach their targets, lose instances and give up waiting for spot.

use jiff::{SignedDuration, Timestamp};

use super::lifecycle::World;
use super::model::{
    Cluster, ClusterState, Collection, CollectionState, Instance, InstanceState, Market, Reason,
    Role, Timeline,
};

impl Collection {
    /// Capacity that is wanted in one market, after what was switched or given up.
    fn wanted_in(&self, market: Market) -> u32 {
        match market {
            Market::OnDemand => self.on_demand_target + self.switched,
            Market::Spot => self
                .spot_target
                .saturating_sub(self.switched + self.given_up),
        }
    }

    /// Capacity that is wanted in all.
    pub(super) fn wanted(&self) -> u32 {
        self.wanted_in(Market::OnDemand) + self.wanted_in(Market::Spot)
    }
}

impl Cluster {
    /// New absolute targets of a running cluster's fleet or group.
    pub(super) fn resize(
        &mut self,
        index: usize,
        on_demand: u32,
        spot: u32,
        at: Timestamp,
        world: &mut World<'_>,
    ) {
        let collection = &mut self.collections[index];
        collection.on_demand_target = on_demand;
        collection.spot_target = spot;
        collection.switched = collection.switched.min(spot);
        collection.given_up = 0;
        self.reconcile(index, at, world);
    }

    /// Requests what is missing and lets go of what is too much.
    pub(super) fn reconcile(&mut self, index: usize, at: Timestamp, world: &mut World<'_>) {
        for market in [Market::OnDemand, Market::Spot] {
            let wanted = self.collections[index].wanted_in(market);
            while self.capacity(index, market) < wanted {
                self.request_instance(index, market, at, world);
            }
            while let Some(surplus) = self.surplus(index, market, wanted) {
                let instance = &mut self.instances[surplus];
                if instance.state == InstanceState::AwaitingFulfillment {
                    self.instances.remove(surplus);
                } else {
                    retire(
                        instance,
                        Reason::message("Instance was terminated because its fleet was resized."),
                        at,
                    );
                }
            }
        }
        self.set_spot_deadline(index, at);
    }

    fn set_spot_deadline(&mut self, index: usize, at: Timestamp) {
        let waits = self.waits_for_spot(index);
        let collection = &mut self.collections[index];
        let launching = collection.timeline.ready.is_none();
        let minutes = if launching {
            collection.spot_timeout.map(|timeout| timeout.minutes)
        } else {
            collection.spot_resize_minutes
        };
        collection.spot_deadline = match (waits, collection.spot_deadline, minutes) {
            (false, ..) | (true, None, None) => None,
            (true, Some(deadline), _) if launching => Some(deadline),
            (true, _, Some(minutes)) => at
                .checked_add(SignedDuration::from_mins(i64::from(minutes)))
                .ok(),
            (true, Some(_), None) => None,
        };
    }

    fn waits_for_spot(&self, index: usize) -> bool {
        let id = &self.collections[index].id;
        self.instances.iter().any(|instance| {
            instance.collection == *id && instance.state == InstanceState::AwaitingFulfillment
        })
    }

    fn capacity(&self, index: usize, market: Market) -> u32 {
        let id = &self.collections[index].id;
        self.instances
            .iter()
            .filter(|instance| {
                instance.collection == *id && instance.market == market && instance.is_alive()
            })
            .map(|instance| instance.weight)
            .sum()
    }

    /// The newest instance that the target can do without; those that have not come yet first.
    fn surplus(&self, index: usize, market: Market, wanted: u32) -> Option<usize> {
        let have = self.capacity(index, market);
        let id = &self.collections[index].id;
        let candidates = self.instances.iter().enumerate().filter(|(_, instance)| {
            instance.collection == *id
                && instance.market == market
                && instance.is_alive()
                && have - instance.weight >= wanted
        });
        candidates
            .max_by_key(|(position, instance)| {
                (
                    instance.state == InstanceState::AwaitingFulfillment,
                    *position,
                )
            })
            .map(|(position, _)| position)
    }

    fn request_instance(
        &mut self,
        index: usize,
        market: Market,
        at: Timestamp,
        world: &mut World<'_>,
    ) {
        let address = u16::try_from(self.instances.len() % 60_000).unwrap_or_default();
        let collection = &self.collections[index];
        // Validation sees to it that there is a type and that its weight is not zero.
        let (instance_type, weight) = match collection.types.first() {
            Some(config) => (config.instance_type.clone(), config.weight.max(1)),
            None => (String::new(), 1),
        };
        let joined_later = self.timeline.ready.is_some();
        let mut instance = Instance {
            id: format!("ci-{}", world.entropy.identifier(13)),
            ec2_id: None,
            collection: collection.id.clone(),
            role: collection.role,
            market,
            instance_type,
            weight,
            state: InstanceState::AwaitingFulfillment,
            reason: Reason::default(),
            timeline: Timeline::from(at),
            launched: None,
            due: None,
            joined_later,
            address,
        };
        match market {
            Market::OnDemand => launch(&mut instance, at, world),
            Market::Spot if world.faults.spot_is_never_fulfilled => {}
            Market::Spot => instance.due = Some(super::after(at, world.timings.spot_fulfilment)),
        }
        self.instances.push(instance);
    }

    /// An instance's present state is over.
    pub(super) fn instance_is_due(&mut self, index: usize, at: Timestamp, world: &mut World<'_>) {
        let instance = &mut self.instances[index];
        instance.due = None;
        match instance.state {
            InstanceState::AwaitingFulfillment => launch(instance, at, world),
            InstanceState::Provisioning => {
                let bootstrapping = if instance.joined_later {
                    world.timings.resize_bootstrapping
                } else {
                    world.timings.bootstrapping
                };
                instance.state = InstanceState::Bootstrapping;
                instance.due = Some(super::after(at, bootstrapping));
            }
            InstanceState::Bootstrapping => {
                instance.state = InstanceState::Running;
                instance.timeline.ready = Some(at);
            }
            InstanceState::Running | InstanceState::Terminated => {}
        }
    }

    /// Spot capacity has not come in time.
    pub(super) fn spot_deadline_is_over(
        &mut self,
        index: usize,
        at: Timestamp,
        world: &mut World<'_>,
    ) {
        self.collections[index].spot_deadline = None;
        let id = self.collections[index].id.clone();
        let waiting = |instance: &Instance| {
            instance.collection == id && instance.state == InstanceState::AwaitingFulfillment
        };
        let missing: u32 = self
            .instances
            .iter()
            .filter(|one| waiting(one))
            .map(|one| one.weight)
            .sum();
        if missing == 0 {
            return;
        }
        let collection = &mut self.collections[index];
        let launching = collection.timeline.ready.is_none();
        let switches = collection
            .spot_timeout
            .is_some_and(|timeout| timeout.switch_to_on_demand);
        if launching && !switches {
            let message = format!(
                "The {} instance fleet timed out while provisioning Spot capacity",
                collection.role.as_str()
            );
            self.terminate(
                Reason::new("INSTANCE_FLEET_TIMEOUT", message),
                true,
                at,
                world,
            );
            return;
        }
        if launching {
            collection.switched += missing.min(collection.spot_target);
        } else {
            collection.given_up += missing.min(collection.spot_target);
        }
        self.instances.retain(|instance| !waiting(instance));
        self.reconcile(index, at, world);
    }

    /// An instance dies. Its fleet replaces it; without its primary node a cluster is lost.
    pub(super) fn lose_instance(&mut self, role: Role, at: Timestamp, world: &mut World<'_>) {
        let candidates = self.instances.iter().enumerate().filter(|(_, instance)| {
            instance.role == role && instance.is_alive() && instance.ec2_id.is_some()
        });
        // Spot instances are the first to go, and of those the newest.
        let victim = candidates
            .max_by_key(|(position, instance)| (instance.market == Market::Spot, *position));
        let Some(position) = victim.map(|(position, _)| position) else {
            return;
        };
        let instance = &mut self.instances[position];
        let name = instance.ec2_id.clone().unwrap_or_default();
        let cause = match instance.market {
            Market::Spot => "Server.SpotInstanceTermination: Spot instance termination",
            Market::OnDemand => "Server.InternalError: Internal error on launch",
        };
        let message = format!("Instance {name} was terminated. Reason: {cause}");
        retire(
            instance,
            Reason::new("INSTANCE_FAILURE", message.clone()),
            at,
        );
        if role == Role::Master {
            self.terminate(Reason::new("INSTANCE_FAILURE", message), true, at, world);
            return;
        }
        let collection = self.instances[position].collection.clone();
        if let Some(index) = self.collections.iter().position(|one| one.id == collection) {
            self.reconcile(index, at, world);
        }
    }

    /// States of fleets and groups follow from their instances.
    pub(super) fn judge_collections(&mut self, at: Timestamp) {
        if self.state.has_ended() {
            return;
        }
        let terminating = self.state == ClusterState::Terminating;
        for index in 0..self.collections.len() {
            if !self.waits_for_spot(index) {
                self.collections[index].spot_deadline = None;
            }
            let id = &self.collections[index].id;
            let (mut running, mut early) = (0, false);
            for instance in self
                .instances
                .iter()
                .filter(|instance| instance.collection == *id)
            {
                match instance.state {
                    InstanceState::Running => running += instance.weight,
                    InstanceState::AwaitingFulfillment | InstanceState::Provisioning => {
                        early = true
                    }
                    _ => {}
                }
            }
            let collection = &mut self.collections[index];
            collection.state = if terminating {
                CollectionState::Terminating
            } else if running >= collection.wanted() {
                collection.timeline.ready.get_or_insert(at);
                CollectionState::Running
            } else if collection.timeline.ready.is_some() {
                CollectionState::Resizing
            } else if early {
                CollectionState::Provisioning
            } else {
                CollectionState::Bootstrapping
            };
        }
    }

    /// Capacity of a collection that has been provisioned, in one market.
    pub(super) fn provisioned(&self, collection: &Collection, market: Market) -> u32 {
        self.instances
            .iter()
            .filter(|one| one.collection == collection.id && one.market == market)
            .filter(|one| {
                matches!(
                    one.state,
                    InstanceState::Provisioning
                        | InstanceState::Bootstrapping
                        | InstanceState::Running
                )
            })
            .map(|one| one.weight)
            .sum()
    }
}

fn launch(instance: &mut Instance, at: Timestamp, world: &mut World<'_>) {
    let provisioning = if instance.joined_later {
        world.timings.resize_provisioning
    } else {
        world.timings.provisioning
    };
    instance.state = InstanceState::Provisioning;
    instance.ec2_id = Some(format!(
        "i-{}",
        &world.entropy.uuid().replace('-', "")[..17]
    ));
    instance.launched = Some(at);
    instance.due = Some(super::after(at, provisioning));
}

fn retire(instance: &mut Instance, reason: Reason, at: Timestamp) {
    instance.state = InstanceState::Terminated;
    instance.reason = reason;
    instance.timeline.ended = Some(at);
    instance.due = None;
}
